// An Express server that restores photographs. It takes uploads alone: no URL is fetched, no path is read.
//   npm install diffbir express multer
//   node express.mjs
//   curl --fail-with-body -F image=@old.jpg -F upscale=2 -o restored.jpg http://127.0.0.1:3000/restore
// Fields of the form: image; if wanted stage, upscale, prompt, format (options of diffbir).
import { createServer, STATUS_CODES } from 'node:http';
import { DiffBIRError, Restorer } from 'diffbir';
import express from 'express';
import multer from 'multer';

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

/** What is wrong with a request. */
class RequestError extends Error {
  constructor(status, code, message, options) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}

const upload = multer({
  storage: multer.memoryStorage(), // the file's name is never used
  limits: { files: 1, fields: 4, fileSize: MAX_BYTES, fieldSize: 5000, fieldNameSize: 100, headerPairs: 20 },
}).single('image');

function readForm(request, response, next) {
  if (!request.is('multipart/form-data')) {
    throw new RequestError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send a form: multipart/form-data');
  }
  upload(request, response, (cause) => {
    if (!cause) return next();
    const status = cause.code === 'LIMIT_FILE_SIZE' ? 413 : 400;
    next(new RequestError(status, cause.code ?? 'BAD_FORM', cause.message, { cause }));
  });
}

/** Whose turn it is when several wait. Put your users here; without any, each address is one (see 'trust proxy'). */
const callerOf = (request) => request.ip;

async function restore(request, response) {
  if (!request.file) throw new RequestError(400, 'NO_IMAGE', 'Send the picture as a file in the field "image"');
  const { stage, upscale, prompt, format = 'jpeg' } = request.body;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const result = await restorer.restore(request.file.buffer, {
    stage: stage && Number(stage),
    upscale: upscale && Number(upscale),
    prompt,
    format,
    caller: callerOf(request),
    signal: gone.signal,
  });
  const bytes = await result.toBuffer();
  response.attachment(`restored.${format}`).send(bytes);
}

/** JSON with a code that programs can rely on. What is inside the server goes to its log, not to the client. */
function answerError(error, request, response, _next) {
  if (response.destroyed) return; // the client has left
  const isKnown = error instanceof DiffBIRError || error instanceof RequestError;
  const isClosing = error.code === 'DIFFBIR_DISPOSED';
  const status = isClosing ? 503 : isKnown ? error.status : 500;
  if (status >= 500) console.error(request.method, request.path, error);
  if (status === 503) response.set('retry-after', RETRY_AFTER);
  const code = isKnown ? error.code : 'INTERNAL';
  response.status(status).json({ code, message: status < 500 ? error.message : STATUS_CODES[status] });
}

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use((_request, response, next) => {
  response.set('x-content-type-options', 'nosniff');
  next();
});
app.get('/health', (_request, response) => response.json({ status: 'ok' }));
app.post('/restore', readForm, restore);
app.use((request) => {
  throw new RequestError(404, 'NOT_FOUND', `There is no ${request.method} ${request.path}`);
});
app.use(answerError);

const server = createServer({ requestTimeout: REQUEST_TIMEOUT * 1000, connectionsCheckingInterval: 1000 }, app);
server.maxConnections = 200; // each may hold a picture in memory
server.listen(Number(PORT), HOST, () => {
  const { address, port } = server.address();
  console.log(`http://${address}:${port}`);
});

// Takes no more connections, finishes what was begun, then ends.
process.once('SIGTERM', () => {
  server.keepAliveTimeout = 1; // connections end with their answer
  server.close(() => restorer.dispose());
  setTimeout(() => restorer.dispose(), GRACE * 1000).unref();
});
