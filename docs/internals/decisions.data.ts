import { createContentLoader } from 'vitepress';

/** Titles and addresses of the decisions, for the list of them. */
export default createContentLoader('decisions/*.md', {
  includeSrc: true,
  transform: (pages) =>
    pages
      .map(({ url, src }) => ({ url, title: /^# (.*)$/m.exec(src ?? '')?.[1] ?? url }))
      .sort((a, b) => a.url.localeCompare(b.url)),
});
