/**
 * JSON for file headers that nobody vouches for: like `JSON.parse`, but text with a key twice in one object (where
 * readers would disagree about the meaning) or nested deeper than `maxDepth` is refused. Linear in the text's length.
 * Throws SyntaxError.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  checkStructure(text, maxDepth);
  return JSON.parse(text);
}

/** Strings, brackets and colons are all that matters for depth and keys; everything else JSON.parse will judge. */
function checkStructure(text: string, maxDepth: number): void {
  /** Keys of every open object; an open array has `null`. */
  const open: (Set<string> | null)[] = [];
  let lastString = '';
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        open.push(text[at] === '{' ? new Set() : null);
        if (open.length > maxDepth) throw new SyntaxError(`nested deeper than ${maxDepth}`);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        lastString = text.slice(at, end);
        at = end - 1;
        break;
      }
      case ':':
        addKey(open.at(-1), lastString);
        break;
    }
  }
}

function endOfString(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw new SyntaxError('a string has no end');
}

function addKey(keys: Set<string> | null | undefined, literal: string): void {
  // A colon outside of an object; JSON.parse will refuse it. Its text is not parsed here, once for each of many.
  if (!keys) return;
  const key = JSON.parse(literal) as string;
  if (keys.has(key)) throw new SyntaxError(`key ${JSON.stringify(key.slice(0, 100))} appears twice`);
  keys.add(key);
}
