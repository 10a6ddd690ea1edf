/** Numbers as people read them. */

const MIB = 2 ** 20;

/** 1 234.5 -> `1.2 GB` of a thousand millions, as files are measured. */
export function fileSize(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** In MiB, as `memoryBudget`. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

/** 90 -> `1.5 min`. Two digits: no estimate is better than that. */
export function duration(seconds: number): string {
  if (seconds < 99.5) return `${short(seconds)} s`;
  return seconds < 5970 ? `${short(seconds / 60)} min` : `${short(seconds / 3600)} h`;
}

function short(value: number): string {
  return value < 9.95 ? value.toFixed(1) : value.toFixed(0);
}

/** Rows of cells in columns: the first to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const cell = (text: string, i: number) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0));
  return rows.map((row) => `  ${row.map(cell).join('  ').trimEnd()}\n`).join('');
}
