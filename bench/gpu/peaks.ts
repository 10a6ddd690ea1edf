/** TFLOP/s of dense products in float16, as NVIDIA states them; the first whose pattern fits the name that CUDA gives. */
const PEAKS: readonly (readonly [RegExp, number])[] = [
  [/H100 (80GB HBM3|SXM)/, 989],
  [/H100 PCIe/, 756],
  [/H200/, 989],
  [/A100/, 312],
  [/L40S/, 362],
  [/RTX 4090/, 165],
  [/T4\b/, 65],
];

/** Undefined for a card that is not in the table. */
export function peakOf(card: string): number | undefined {
  return PEAKS.find(([pattern]) => pattern.test(card))?.[1];
}
