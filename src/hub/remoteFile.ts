import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { refusal, Unusable } from './failures';
import type { Hub } from './hub';
import { request, shown } from './request';
import { isHubPlace, type Place, type Weight } from './weight';

/** The largest file that is believed; the largest official one has 5 GB. */
const MAX_BYTES = 2 ** 37;

/** What a server says about a file before it is downloaded. */
export interface RemoteFile {
  readonly place: Place;
  /** Where its content is. */
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  /** Names this very content, and is safe as a file name: on the hub its etag, which is also the name of its blob. */
  readonly key: string;
  /** SHA-256 that the content must have, as far as it is known. */
  readonly sha256: string | undefined;
  /** The etag that guards a resumed download; undefined on the hub, whose delivery hosts have etags of their own. */
  readonly validator: string | undefined;
  /** The commit that `revision` names now, on the hub. */
  readonly commit: string | undefined;
}

/** Address of a file at a place. */
function addressOf(hub: Hub, place: Place, commit?: string): URL {
  if (!isHubPlace(place)) return new URL(place.url);
  const parts = [...place.repo.split('/'), 'resolve', commit ?? place.revision, ...place.path.split('/')];
  return new URL(`${hub.endpoint}/${parts.map(encodeURIComponent).join('/')}`);
}

/** Asks a place for a file, without its content. Throws Unusable, or the error of the connection. */
export async function remoteFile(
  hub: Hub,
  weight: Weight,
  place: Place,
  signal: AbortSignal | undefined,
): Promise<RemoteFile> {
  const url = addressOf(hub, place);
  const found = isHubPlace(place) ? await askHub(hub, url, signal) : await askHost(hub, url, signal);
  const { size, sha256 } = found;
  if (!(Number.isSafeInteger(size) && size > 0 && size <= MAX_BYTES)) {
    throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} announces ${size} bytes, which cannot be`);
  }
  if (weight.size !== undefined && size !== weight.size) {
    throw new Unusable('DIFFBIR_WRONG_CHECKSUM', `${shown(url)} has ${size} bytes instead of ${weight.size}`);
  }
  if (weight.sha256 !== undefined && sha256 !== undefined && sha256 !== weight.sha256) {
    throw new Unusable('DIFFBIR_WRONG_CHECKSUM', `${shown(url)} has the SHA-256 ${sha256} instead of ${weight.sha256}`);
  }
  // By its commit, a file stays the same also when the revision moves on meanwhile.
  return { ...found, place, url: addressOf(hub, place, found.commit), sha256: weight.sha256 ?? sha256 };
}

type Found = Omit<RemoteFile, 'place' | 'url'>;

/** The answer that tells etag and size is the hub's own, or the redirect by which it leads to a delivery host. */
async function askHub(hub: Hub, url: URL, signal: AbortSignal | undefined): Promise<Found> {
  let commit: string | undefined;
  const answer = await request(hub, url, {
    method: 'HEAD',
    signal,
    isFinal: ({ headers }) => {
      commit ??= textOf(headers['x-repo-commit']);
      return headers['x-linked-etag'] !== undefined && headers['x-linked-size'] !== undefined;
    },
  });
  answer.destroy();
  const { statusCode = 0, headers } = answer;
  if (statusCode >= 400) throw refusal(url, answer);
  const etag = bareEtag(textOf(headers['x-linked-etag']) ?? textOf(headers.etag));
  // A redirect's own text is nobody's file.
  if (statusCode < 300) refuseHtml(url, headers['content-type']);
  // Both become names of files and folders.
  if (!etag || !/^[\w-][\w.-]{0,127}$/.test(etag) || !commit || !/^[0-9a-f]{40}$/.test(commit)) {
    throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} does not answer like a hub: no usable etag or commit`);
  }
  const size = Number(textOf(headers['x-linked-size']) ?? textOf(headers['content-length']) ?? Number.NaN);
  return { size, key: etag, sha256: /^[0-9a-f]{64}$/.test(etag) ? etag : undefined, validator: undefined, commit };
}

/** By asking for one byte: addresses that are signed for GET refuse HEAD. */
async function askHost(hub: Hub, url: URL, signal: AbortSignal | undefined): Promise<Found> {
  const answer = await request(hub, url, { method: 'GET', headers: { range: 'bytes=0-0' }, signal });
  answer.destroy();
  const { statusCode = 0, headers } = answer;
  if (statusCode !== 200 && statusCode !== 206) throw refusal(url, answer);
  refuseHtml(url, headers['content-type']);
  const total = /\/(\d+)$/.exec(textOf(headers['content-range']) ?? '')?.[1];
  const etag = textOf(headers.etag);
  return {
    size: Number((statusCode === 206 ? total : textOf(headers['content-length'])) ?? Number.NaN),
    key: createHash('sha256')
      .update(etag ?? '')
      .digest('hex')
      .slice(0, 16),
    sha256: undefined,
    // A weak etag does not promise the same bytes.
    validator: etag?.startsWith('W/') ? undefined : etag,
    commit: undefined,
  };
}

/** What a captive portal or a login page answers in place of weights. */
export function refuseHtml(url: URL, type: string | undefined): void {
  if (!/^(text\/html|application\/xhtml)/i.test(type ?? '')) return;
  throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} answers with an HTML page in place of the file`);
}

export function textOf(header: IncomingMessage['headers'][string]): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function bareEtag(etag: string | undefined): string | undefined {
  return etag?.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}
