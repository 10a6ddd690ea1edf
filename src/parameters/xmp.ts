/**
 * Generation parameters inside an XMP packet, the one kind of metadata that sharp writes and reads in every format: EXIF
 * text is lost in TIFF, and PNG's text chunks have no counterpart elsewhere.
 *
 * Packets are treated as bytes (latin1): what others have written goes through unchanged, in any encoding.
 */
import { decodeXML, escapeUTF8 } from 'entities';

const NAMESPACE = 'urn:diffbir:xmp:1#';
const [OPEN, CLOSE] = ['<diffbir:parameters>', '</diffbir:parameters>'];
const DESCRIPTION = `<rdf:Description rdf:about="" xmlns:diffbir="${NAMESPACE}">`;
const END = '</rdf:RDF>';
const EMPTY =
  '<?xpacket begin="\u00ef\u00bb\u00bf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">' +
  `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${END}</x:xmpmeta><?xpacket end="w"?>`;

/** Whether parameters can be added to a packet. */
export function hasRdf(xmp: Buffer): boolean {
  return xmp.includes(END);
}

/** The packet with the text in it. One without RDF is no XMP, and is replaced. */
export function withParameters(xmp: Buffer | undefined, text: string): Buffer {
  const packet = xmp && hasRdf(xmp) ? withoutParameters(xmp).toString('latin1') : EMPTY;
  const escaped = Buffer.from(escapeUTF8(text)).toString('latin1');
  const own = `${DESCRIPTION}${OPEN}${escaped}${CLOSE}</rdf:Description>`;
  const at = packet.lastIndexOf(END);
  return Buffer.from(packet.slice(0, at) + own + packet.slice(at), 'latin1');
}

/** The packet without parameters: those of the input do not describe the output. */
export function withoutParameters(xmp: Buffer): Buffer {
  if (!xmp.includes(OPEN)) return xmp;
  // First with the element that this package puts around them, then as another program may have left them.
  const packet = without(xmp.toString('latin1'), DESCRIPTION + OPEN, `${CLOSE}</rdf:Description>`);
  // One that never ends would take in those that are written behind it.
  return Buffer.from(without(packet, OPEN, CLOSE).replaceAll(OPEN, ' '), 'latin1');
}

/** The text without each part from `open` to the next `close`; linear, since packets come from anybody. */
function without(text: string, open: string, close: string): string {
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const begin = text.indexOf(open, at);
    const end = begin < 0 ? -1 : text.indexOf(close, begin);
    if (end < 0) break;
    kept.push(text.slice(at, begin));
    at = end + close.length;
  }
  return kept.join('') + text.slice(at);
}

/** The text in a packet, undefined where there is none. */
export function parametersIn(xmp: Buffer): string | undefined {
  const begin = xmp.indexOf(OPEN);
  const end = begin < 0 ? -1 : xmp.indexOf(CLOSE, begin);
  return end < 0 ? undefined : decodeXML(xmp.toString('utf8', begin + OPEN.length, end));
}
