import type { FileReader } from './fileReader';
import { isTorchLegacy } from './torchLegacy';

export type Format = 'torch-zip' | 'torch-legacy' | 'safetensors';

/** Enough for every signature below; tar's stands at byte 257. */
const HEAD = 512;

/**
 * Tells the format from the content; names of files are not asked. Throws CheckpointError that says what the file is
 * instead, for the things that people do hand us.
 */
export async function detectFormat(reader: FileReader): Promise<Format> {
  if (reader.size === 0) throw reader.fail('is empty; download or copy it again');
  const head = await reader.read(0, Math.min(HEAD, reader.size), 'the first bytes');
  if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06')) return 'torch-zip';
  if (isTorchLegacy(head)) return 'torch-legacy';
  // Length of the header (below 2^32 when the file is sane), then its opening brace.
  if (head[8] === 0x7b) return 'safetensors';
  throw reader.fail(whatElse(head));
}

function whatElse(head: Buffer): string {
  const text = head
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (text.startsWith('version https://git-lfs')) {
    return 'is a Git LFS pointer, not the weights; run "git lfs pull" or download the file itself';
  }
  if (text.startsWith('<')) {
    return 'is a web page (HTML or XML), not weights; the download went to a login or error page, fetch the file itself';
  }
  if (text.startsWith('{') || text.startsWith('[')) {
    return 'is a JSON text, not weights; the download may have got an error message, look into the file';
  }
  for (const [signature, at, name, advice] of OTHERS) {
    if (head.subarray(at, at + signature.length).toString('latin1') === signature) return `is ${name}; ${advice}`;
  }
  if (head[0] === 0x80) {
    return 'is a pickle but was not made by torch.save; save model.state_dict() with torch.save';
  }
  return 'is no checkpoint that can be read (PyTorch .ckpt/.pth/.pt or .safetensors)';
}

const EXPORT = 'use the PyTorch or safetensors weights of the model';

const OTHERS: readonly (readonly [signature: string, at: number, name: string, advice: string])[] = [
  ['\x1f\x8b', 0, 'compressed (gzip)', 'unpack it first'],
  ['BZh', 0, 'compressed (bzip2)', 'unpack it first'],
  ['\x28\xb5\x2f\xfd', 0, 'compressed (zstd)', 'unpack it first'],
  ['\xfd7zXZ', 0, 'compressed (xz)', 'unpack it first'],
  ['7z\xbc\xaf', 0, 'a 7-Zip archive', 'unpack it first'],
  ['Rar!', 0, 'a RAR archive', 'unpack it first'],
  ['ustar', 257, 'a tar archive', 'unpack it first, or save it anew with a PyTorch later than 0.1.10'],
  ['GGUF', 0, 'a GGUF file', EXPORT],
  ['\x89HDF', 0, 'an HDF5 file', EXPORT],
  ['\x89PNG', 0, 'a PNG picture', EXPORT],
  ['\xff\xd8\xff', 0, 'a JPEG picture', EXPORT],
  ['\x08', 0, 'probably an ONNX model', EXPORT],
];

function startsWith(head: Buffer, signature: string): boolean {
  return head.subarray(0, signature.length).toString('latin1') === signature;
}
