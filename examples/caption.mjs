// Restores a picture with a caption of it before the prompt, as the reference does with LLaVA or RAM++.
// Needs two packages and a model with both stages: npm install diffbir @huggingface/transformers
// node caption.mjs old.jpg restored.png v2.1
import { pipeline, RawImage } from '@huggingface/transformers';
import { restore } from 'diffbir';

const [input, output, model] = process.argv.slice(2);
// Downloaded at the first run; any image-to-text model of the library will do.
const describe = await pipeline('image-to-text', 'Xenova/vit-gpt2-image-captioning');

/** @param {import('diffbir').RawImage} image 8-bit RGB */
async function captioner({ data, width, height, channels }) {
  const [{ generated_text }] = await describe(new RawImage(data, width, height, channels), { max_new_tokens: 40 });
  return generated_text;
}

const result = await restore(input, { model, captioner });
await result.toFile(output);
console.log(result.parameters.options.prompt);
