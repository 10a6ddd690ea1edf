/**
 * Machine code for GPUs in a shared library: the section `.nv_fatbin` is a row of fatbins, each a header and an entry for every
 * architecture. The layout was read out of ONNX Runtime's provider; `cuobjdump --list-elf` finds the same entries in it.
 */

const SECTION = '.nv_fatbin';
const MAGIC = 0xba55ed50;
/** Of what is read of it. */
const LEAST_HEADER = 16;

/**
 * Overwrites the code of all other architectures (`90` for sm_90 and sm_90a) with zeros, in place, so that it compresses to
 * nothing. Headers stay: CUDA reads them to choose, and every offset is as it was.
 * Throws where the section is not as expected, or has nothing for that architecture.
 */
export function keepArchitecture(library: Buffer, wanted: number): void {
  const found = new Set<number>();
  const { start, end } = findSection(library, SECTION);
  let at = start;
  while (at < end) {
    if (library.readUInt32LE(at) !== MAGIC) throw new Error(`no fatbin begins at ${at}`);
    const header = library.readUInt16LE(at + 6);
    if (header < LEAST_HEADER) throw new Error(`the fatbin at ${at} has no entries`);
    const fatbinEnd = at + header + size64(library, at + 8);
    at += header;
    while (at < fatbinEnd) {
      const code = at + library.readUInt32LE(at + 4);
      const after = code + size64(library, at + 8);
      if (code <= at || after > fatbinEnd || fatbinEnd > end) throw new Error(`the entry at ${at} has no end`);
      const architecture = library.readUInt32LE(at + 28);
      found.add(architecture);
      if (architecture !== wanted) library.fill(0, code, after);
      at = after;
    }
  }
  if (!found.has(wanted))
    throw new Error(`there is code for sm_${[...found].join(', sm_')}, and none for sm_${wanted}`);
}

/** Of an ELF file of 64 bits. */
function findSection(library: Buffer, wanted: string): { start: number; end: number } {
  const headers = size64(library, 0x28);
  const [bytes, count, names] = [0x3a, 0x3c, 0x3e].map((at) => library.readUInt16LE(at)) as [number, number, number];
  const offset = (index: number) => size64(library, headers + index * bytes + 0x18);
  for (let index = 0; index < count; index++) {
    const header = headers + index * bytes;
    const name = offset(names) + library.readUInt32LE(header);
    if (library.toString('latin1', name, library.indexOf(0, name)) !== wanted) continue;
    return { start: offset(index), end: offset(index) + size64(library, header + 0x20) };
  }
  throw new Error(`there is no section ${wanted}`);
}

function size64(library: Buffer, at: number): number {
  return Number(library.readBigUInt64LE(at));
}
