// A Fastify server that restores photographs. It takes uploads alone: no URL is fetched, no path is read.
//   npm install diffbir fastify @fastify/multipart
//   node fastify.mjs
//   curl --fail-with-body -F image=@old.jpg -F upscale=2 -o restored.jpg http://127.0.0.1:3000/restore
// Fields of the form: image; if wanted stage, upscale, prompt, format (options of diffbir).
import { STATUS_CODES } from 'node:http';
import multipart from '@fastify/multipart';
import { DiffBIRError, Restorer } from 'diffbir';
import Fastify from 'fastify';

const { HOST = '127.0.0.1', PORT = 3000 } = process.env;
const QUEUE_LIMIT = Number(process.env.QUEUE_LIMIT ?? 20);
/** Seconds for a whole request to arrive, so that slow clients cannot hold connections. */
const REQUEST_TIMEOUT = Number(process.env.REQUEST_TIMEOUT ?? 30);
/** Seconds that pictures may still take after SIGTERM; Kubernetes kills after 30. */
const GRACE = Number(process.env.GRACE ?? 25);
const MAX_BYTES = 20 * 2 ** 20;
/** What a client is told to wait when the queue is full. */
const RETRY_AFTER = '30';

const restorer = await Restorer.create({
  concurrency: 1,
  queueLimit: QUEUE_LIMIT,
  timeLimit: 300,
  limitInputPixels: 8_000_000,
  limitWorkPixels: 8_000_000,
});

const app = Fastify({
  logger: true,
  requestTimeout: REQUEST_TIMEOUT * 1000,
  http: { connectionsCheckingInterval: 1000 },
});
app.server.maxConnections = 200; // each may hold a picture in memory
// With a requestTimeout below headersTimeout (60 s) Node.js takes each for the other.
app.server.headersTimeout = REQUEST_TIMEOUT * 1000;

app.removeAllContentTypeParsers(); // anything but a form is answered with 415
app.register(multipart, {
  limits: { files: 1, fields: 4, fileSize: MAX_BYTES, fieldSize: 5000, fieldNameSize: 100, headerPairs: 20 },
});

/** Files become Buffers; their names are never used. */
async function readForm(request) {
  if (!request.isMultipart()) throw requestError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send a form: multipart/form-data');
  request.body = {};
  try {
    for await (const part of request.parts()) {
      request.body[part.fieldname] = part.type === 'file' ? await part.toBuffer() : part.value;
    }
  } catch (cause) {
    throw cause.statusCode ? cause : requestError(400, 'BAD_FORM', cause.message, { cause });
  }
}

function requestError(statusCode, code, message, options) {
  return Object.assign(new Error(message, options), { statusCode, code });
}

const schema = {
  body: {
    type: 'object',
    properties: {
      stage: { type: 'integer' },
      upscale: { type: 'number' },
      prompt: { type: 'string', maxLength: 1000 },
      format: { type: 'string', default: 'jpeg' },
    },
  },
};

/** Whose turn it is when several wait. Put your users here; without any, each address is one (see trustProxy). */
const callerOf = (request) => request.ip;

app.addHook('onRequest', async (_request, reply) => {
  reply.header('x-content-type-options', 'nosniff');
});

app.get('/health', async () => ({ status: 'ok' }));

app.post('/restore', { schema, preValidation: readForm }, async (request, reply) => {
  const { image, stage, upscale, prompt, format } = request.body;
  // A field of text is no file: the name of one must not come to restore(), which would read it.
  if (!Buffer.isBuffer(image)) {
    throw requestError(400, 'NO_IMAGE', 'Send the picture as a file in the field "image"');
  }
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const result = await restorer.restore(image, {
    stage,
    upscale,
    prompt,
    format,
    caller: callerOf(request),
    signal: gone.signal,
  });
  const bytes = await result.toBuffer();
  reply.header('content-disposition', `attachment; filename="restored.${format}"`);
  return reply.type(`image/${format}`).send(bytes);
});

app.setNotFoundHandler((request, reply) => {
  reply.code(404).send({ code: 'NOT_FOUND', message: `There is no ${request.method} ${request.url}` });
});

/** JSON with a code that programs can rely on. What is inside the server goes to its log, not to the client. */
app.setErrorHandler((error, request, reply) => {
  const isClosing = error.code === 'DIFFBIR_DISPOSED';
  const status = isClosing ? 503 : ((error instanceof DiffBIRError ? error.status : error.statusCode) ?? 500);
  if (status >= 500) request.log.error(error);
  if (status === 503) reply.header('retry-after', RETRY_AFTER);
  const message = status < 500 ? error.message : STATUS_CODES[status];
  reply.code(status).send({ code: error.code ?? 'INTERNAL', message });
});

// Takes no more connections, finishes what was begun, then ends.
app.addHook('onClose', () => restorer.dispose());
process.once('SIGTERM', () => {
  app.server.keepAliveTimeout = 1; // connections end with their answer
  app.close();
  setTimeout(() => restorer.dispose(), GRACE * 1000).unref();
});

await app.listen({ host: HOST, port: Number(PORT) });
