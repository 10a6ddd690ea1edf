/** Smooth colours with some texture; the content does not change the time. */
export function testPicture(size: number) {
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
    return (x * 255) / size / 2 + (y * 127) / size + ((x * 7 + y * 13 + i) % 5);
  });
  return { data, width: size, height: size, channels: 3 as const };
}
