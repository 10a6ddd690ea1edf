import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitepress';

const docs = path.resolve(import.meta.dirname, '..');

/** Pages of a folder with their titles, so that a new decision is in the menu without anybody's doing. */
function pagesOf(folder: string) {
  return readdirSync(path.join(docs, folder))
    .filter((file) => /^\d.*\.md$/.test(file))
    .sort()
    .map((file) => {
      const [, text = file] = /^# (.*)$/m.exec(readFileSync(path.join(docs, folder, file), 'utf8')) ?? [];
      return { text, link: `/${folder}/${file.replace('.md', '')}` };
    });
}

export default defineConfig({
  title: 'diffbir',
  description: 'Restores degraded photographs from Node.js with DiffBIR',
  lang: 'en',
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'Guide', link: '/guide/getting-started', activeMatch: '/guide/' },
      { text: 'Reference', link: '/reference/options', activeMatch: '/(reference|api)/' },
      { text: 'Models', link: '/models/embedded', activeMatch: '/models/' },
      { text: 'Operation', link: '/operation/tuning', activeMatch: '/operation/' },
      { text: 'Internals', link: '/internals/architecture', activeMatch: '/(internals|decisions|results)/' },
    ],
    sidebar: [
      {
        text: 'Guide',
        items: [
          { text: 'Getting started', link: '/guide/getting-started' },
          { text: 'Inputs and outputs', link: '/guide/inputs-and-outputs' },
          { text: 'The two stages', link: '/guide/stages' },
          { text: 'Tasks and faces', link: '/guide/tasks' },
          { text: 'Prompts and captions', link: '/guide/prompts' },
          { text: 'Progress and cancelling', link: '/guide/progress' },
          { text: 'Many pictures, servers', link: '/guide/many-pictures' },
          { text: 'Errors', link: '/guide/errors' },
        ],
      },
      {
        text: 'Reference',
        items: [
          { text: 'Options', link: '/reference/options' },
          { text: 'Command line', link: '/reference/cli' },
          { text: 'API', link: '/api/README' },
        ],
      },
      {
        text: 'Models and licences',
        items: [
          { text: 'The embedded model', link: '/models/embedded' },
          { text: 'The official models', link: '/models/official' },
          { text: 'Models of your own', link: '/models/own' },
          { text: 'Evaluation', link: '/results/evaluation' },
          { text: 'On a GPU', link: '/results/gpu' },
        ],
      },
      {
        text: 'Operation',
        items: [
          { text: 'Tuning', link: '/operation/tuning' },
          { text: 'GPU', link: '/operation/gpu' },
          { text: 'Deployment', link: '/operation/deployment' },
          { text: 'Troubleshooting', link: '/operation/troubleshooting' },
        ],
      },
      {
        text: 'Internals',
        items: [
          { text: 'Architecture', link: '/internals/architecture' },
          { text: 'Adding a network', link: '/internals/add-a-network' },
          { text: 'Adding a sampler', link: '/internals/add-a-sampler' },
          { text: 'Bad inputs', link: '/bad-inputs' },
          { text: 'Release checklist', link: '/internals/release' },
        ],
      },
      { text: 'Decisions', collapsed: true, items: pagesOf('decisions') },
    ],
  },
});
