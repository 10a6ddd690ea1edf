/** One line of a bench's table. */
export function row(name: string, ...cells: readonly string[]): string {
  return (name.padEnd(24) + cells.map((cell) => cell.padStart(11)).join('')).trimEnd();
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
