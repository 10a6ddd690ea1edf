/** Pictures for the examples. */
import sharp from 'sharp';

/** The options with which a picture is done at once, and those with which `LARGE` takes a minute or more. */
export const QUICK = { stage: 1 } as const;
export const SLOW = { stage: 2, upscale: 2 } as const;

export const gray = (side: number): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 3, background: 'gray' } })
    .png()
    .toBuffer();

export const SMALL = await gray(32);
export const LARGE = await gray(700);
