/** A file of a repository on the Hugging Face hub, or of one that speaks its protocol (`HF_ENDPOINT`). */
export interface HubPlace {
  readonly repo: string;
  readonly path: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** A file on another host. */
export interface UrlPlace {
  readonly url: string;
}

export type Place = HubPlace | UrlPlace;

export function isHubPlace(place: Place): place is HubPlace {
  return 'repo' in place;
}

/** One checkpoint file, wherever it is. */
export interface Weight {
  /** Where it can be had, the best first. */
  readonly places: readonly Place[];
  /** Terms of use. */
  readonly license: string;
  /** Who made it, and what it is. */
  readonly origin: string;
  /** Size in bytes to about three digits, to tell people before a server has told us. */
  readonly about: number;
  /** Exact size in bytes, where it is on record. */
  readonly size?: number;
  /** SHA-256 of the file, where it is on record. */
  readonly sha256?: string;
}
