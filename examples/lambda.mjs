// An AWS Lambda function that restores photographs, behind a function URL or an HTTP API (events of version 2.0).
//   npm install --os=linux --cpu=x64 --libc=glibc diffbir, then zip this file with node_modules; handler: lambda.handler
//   curl --fail-with-body -H 'content-type: image/jpeg' --data-binary @old.jpg -o restored.jpg "$URL?upscale=2"
// Give it 2 GB of memory or more, which brings processors along, and a timeout of some minutes. Larger pictures than 4 MB
// do not fit into events: take keys of S3 then.
import { STATUS_CODES } from 'node:http';
import { DiffBIRError, Restorer } from 'diffbir';

/** Bytes that an answer may have, base64 and JSON included: Lambda's limit is 6 MB. */
const MAX_RESPONSE = Number(process.env.MAX_RESPONSE ?? 6_000_000);
/** Milliseconds that are kept for writing the picture. */
const RESERVE = 3000;
/** MiB, which Lambda tells; elsewhere the memory is found out. */
const memory = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 0);

// Loaded once, at the cold start; the calls that follow find it in memory.
const restorer = await Restorer.create({
  memoryBudget: memory ? Math.floor(memory / 2) : undefined,
  limitInputPixels: 8_000_000,
  limitWorkPixels: 8_000_000,
});

/** What is wrong with a request. */
class RequestError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function handler(event, context) {
  try {
    const { stage, upscale, prompt, format = 'jpeg' } = event.queryStringParameters ?? {};
    const result = await restorer.restore(pictureOf(event), {
      stage: stage && Number(stage),
      upscale: upscale && Number(upscale),
      prompt,
      format,
      timeLimit: Math.max(0.1, (context.getRemainingTimeInMillis() - RESERVE) / 1000),
    });
    const body = (await result.toBuffer()).toString('base64');
    if (body.length > MAX_RESPONSE) {
      throw new RequestError(413, 'RESPONSE_TOO_LARGE', 'The restored picture is too large: try format=webp');
    }
    return { statusCode: 200, headers: { 'content-type': `image/${format}` }, body, isBase64Encoded: true };
  } catch (error) {
    return refusal(error);
  }
}

/** The bytes of the request. No URL is fetched, no path is read. */
function pictureOf({ requestContext, body, isBase64Encoded }) {
  if (requestContext.http.method !== 'POST') {
    throw new RequestError(405, 'METHOD_NOT_ALLOWED', 'Send the picture with POST');
  }
  // Lambda has made text of it, which destroys a picture.
  if (!isBase64Encoded) {
    throw new RequestError(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Send the picture with its content-type: image/jpeg, for one',
    );
  }
  return Buffer.from(body, 'base64');
}

/** JSON with a code that programs can rely on. What is inside the function goes to its log, not to the client. */
function refusal(error) {
  const isKnown = error instanceof DiffBIRError || error instanceof RequestError;
  const status = isKnown ? error.status : 500;
  if (status >= 500) console.error(error);
  const code = isKnown ? error.code : 'INTERNAL';
  const message = status < 500 ? error.message : STATUS_CODES[status];
  return {
    statusCode: status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, message }),
  };
}
