/** `npm run bench`: the stages of one picture (stages.ts) or, with `--full`, everything (full/main.ts). */
await import(process.argv.includes('--full') ? './full/main' : './stages');

export {};
