/** The registry and the manifests that it is a registry of (behaviour.md 1.3 and 1.4). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isHubPlace } from '../../src/hub/weight';
import { officialManifest, weightsOf } from '../../src/models/officialModels';
import { OFFICIAL_MODEL_NAMES, WEIGHTS } from '../../src/models/registry';
import { forTask } from '../../src/models/task';

const SD = 'v2-1_512-ema-pruned.ckpt';

const FACES = ['detection_Resnet50_Final.pth', 'parsing_parsenet.pth'];

describe('the registry', () => {
  it.each([
    ['v1-general', ['general_swinir_v1.ckpt', SD, 'v1_general.pth']],
    ['v1-face', ['face_swinir_v1.ckpt', SD, 'v1_face.pth']],
    ['v2', ['BSRNet.pth', SD, 'v2.pth', 'scunet_color_real_psnr.pth', 'face_swinir_v1.ckpt', ...FACES]],
    [
      'v2.1',
      [
        'realesrgan_s4_swinir_100k.pth',
        'sd2.1-base-zsnr-laionaes5.ckpt',
        'DiffBIR_v2.1.pt',
        'face_swinir_v1.ckpt',
        ...FACES,
      ],
    ],
  ] as const)('%s has the files of its tasks and no others', async (name, files) => {
    expect([...weightsOf(await officialManifest(name)).keys()]).toEqual(files);
  });

  it('knows no file that no model needs', async () => {
    const needed = await Promise.all(OFFICIAL_MODEL_NAMES.map(async (name) => weightsOf(await officialManifest(name))));
    expect(new Set(needed.flatMap((weights) => [...weights.keys()]))).toEqual(new Set(Object.keys(WEIGHTS)));
  });

  it.each(Object.entries(WEIGHTS))('%s: places, terms and records are well formed', (file, weight) => {
    expect(weight.places.length).toBeGreaterThan(0);
    for (const place of weight.places) {
      if (isHubPlace(place)) {
        expect(place.repo).toMatch(/^[\w.-]+\/[\w.-]+$/);
        expect(place.path.endsWith(file)).toBe(true);
        expect(place.path.split('/')).not.toContain('..');
      } else {
        expect(place.url).toMatch(new RegExp(`^https://github\\.com/.*/${file.replaceAll('.', '\\.')}$`));
        // There the server tells no hash: without one on record nothing would guard the content.
        expect(weight.sha256).toBeDefined();
      }
    }
    expect([weight.license, weight.origin].every(Boolean)).toBe(true);
    if (weight.sha256 !== undefined) expect(weight.sha256).toMatch(/^[0-9a-f]{64}$/);
    if (weight.size !== undefined) expect(Math.abs(weight.size / weight.about - 1)).toBeLessThan(0.01);
    // What the first place of several has must be what the others have.
    if (weight.places.length > 1) expect(weight.sha256).toBeDefined();
  });

  it('asks for copies first where the original is gone', () => {
    const repos = WEIGHTS[SD]?.places.map((place) => isHubPlace(place) && place.repo.split('/')[0]);
    expect(repos).toEqual(['sd2-community', 'Manojb', 'stabilityai']);
  });

  it('README.md names every model and file', () => {
    const readme = readFileSync('README.md', 'utf8');
    for (const name of [...OFFICIAL_MODEL_NAMES, ...Object.keys(WEIGHTS)]) expect(readme).toContain(`\`${name}\``);
  });
});

describe('the two models of v1', () => {
  it('do what they are for, unasked and asked, and nothing else', async () => {
    const [general, face] = [await officialManifest('v1-general'), await officialManifest('v1-face')];
    expect([general.tasks?.[0], face.tasks?.[0]]).toEqual(['sr', 'face']);
    expect(forTask(face, 'face').manifest.networks.controlnet?.file).toBe('v1_face.pth');
    expect(() => forTask(face, 'sr')).toThrow("Expected 'face' for task but received 'sr'");
    expect(() => forTask(general, 'face')).toThrow("Expected 'sr' or 'denoise' for task but received 'face'");
  });
});
