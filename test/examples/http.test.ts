/** The Express and the Fastify example, as processes that are spoken to over HTTP: what both promise. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gray, LARGE, QUICK, SLOW, SMALL } from './pictures';
import { type Program, start } from './program';

function form(fields: Readonly<Record<string, unknown>>, picture: Uint8Array = SMALL, name = 'a.png'): FormData {
  const made = new FormData();
  made.append('image', new Blob([new Uint8Array(picture)], { type: 'image/png' }), name);
  for (const [key, value] of Object.entries(fields)) made.append(key, String(value));
  return made;
}

describe.each(['express.mjs', 'fastify.mjs'])('examples/%s', (file) => {
  let server: Program;
  let url: string;

  const startServer = async (env: NodeJS.ProcessEnv) => {
    server = start(file, [], { PORT: '0', ...env });
    [url] = (await server.prints(/http:\/\/127\.0\.0\.1:\d+/)) as [string];
  };
  const post = (body: RequestInit['body'], init: RequestInit = {}) =>
    fetch(`${url}/restore`, { method: 'POST', body: body ?? null, ...init });
  /** The status and code of a refusal, which must be JSON and tell nothing of the inside. */
  const refusal = async (answer: Promise<Response>) => {
    const response = await answer;
    const body = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(Object.keys(JSON.parse(body)).sort()).toEqual(['code', 'message']);
    expect(body).not.toMatch(/\.[mc]?js|\bat .*:\d+|node_modules/);
    expect(body).not.toContain(path.sep + path.join('examples', file));
    return [response.status, JSON.parse(body).code];
  };

  describe('while it runs', () => {
    beforeAll(() => startServer({ QUEUE_LIMIT: '1', REQUEST_TIMEOUT: '3' }));
    afterAll(() => server.stop());

    it('answers with the restored picture', async () => {
      const response = await post(form({ ...QUICK, upscale: '2', format: 'webp' }));
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('image/webp');
      expect(await sharp(await response.arrayBuffer()).metadata()).toMatchObject({
        format: 'webp',
        width: 64,
        height: 64,
      });
    });

    it('says that it is well, and no more: metrics are not open, other origins get no permission', async () => {
      const health = await fetch(`${url}/health`);
      expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
      expect([...health.headers.keys()].filter((name) => /powered|server|allow/.test(name))).toEqual([]);
      for (const closed of ['/metrics', '/', '/restore']) {
        expect(await refusal(fetch(url + closed)), closed).toEqual([404, 'NOT_FOUND']);
      }
    });

    it('a picture that is none, or too large: the status of the error', async () => {
      const html = Buffer.from('<!doctype html><p>no picture</p>');
      expect(await refusal(post(form(QUICK, html)))).toEqual([422, 'DIFFBIR_INVALID_IMAGE']);
      expect(await refusal(post(form(QUICK, SMALL.subarray(0, 60))))).toEqual([422, 'DIFFBIR_INVALID_IMAGE']);
      expect(await refusal(post(form(QUICK, await gray(2900))))).toEqual([413, 'DIFFBIR_IMAGE_TOO_LARGE']);
    });

    it.each([
      { upscale: '9999' },
      { upscale: 'NaN' },
      { stage: '3' },
      { format: 'png\r\nset-cookie: evil=1' },
      { format: '../png' },
    ])('refuses the field %j', async (field) => {
      const [status, code] = await refusal(post(form({ ...QUICK, ...field })));
      expect([status, code]).toEqual([400, expect.stringMatching(/^(DIFFBIR_INVALID_OPTION|FST_ERR_VALIDATION)$/)]);
    });

    it('reads no path and no URL: the picture is a file of the form, or there is none', async () => {
      const asked: string[] = [];
      const trap = createServer((request, response) => {
        asked.push(String(request.url));
        response.end(SMALL);
      }).listen(0, '127.0.0.1');
      await once(trap, 'listening');
      const { port } = trap.address() as { port: number };
      const sample = path.join(import.meta.dirname, '..', '..', 'examples', 'sample', 'degraded.jpg');
      for (const image of [sample, `file://${sample}`, `http://127.0.0.1:${port}/a.png`]) {
        const fields = new FormData();
        fields.append('image', image);
        fields.append('url', image);
        fields.append('stage', '1');
        expect(await refusal(post(fields)), image).toEqual([400, 'NO_IMAGE']);
      }
      const raw = { data: [0, 0, 0], width: 1, height: 1, channels: 3 };
      const fields = new FormData();
      fields.append('image', new Blob([JSON.stringify(raw)], { type: 'application/json' }), '');
      expect((await refusal(post(fields)))[0]).toBeOneOf([400, 422]);
      expect(asked).toEqual([]);
      trap.close();
    });

    it('ignores the name of the file; nothing that came gets into a header', async () => {
      const evil = '\r\nset-cookie: evil=1\r\n';
      for (const name of ['../../../../etc/evil.png', '/etc/evil.png', `a"${evil}.png`, 'a'.repeat(5000)]) {
        const response = await post(form({ ...QUICK, prompt: `a${evil}` }, SMALL, name));
        expect(response.status, name).toBe(200);
        expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="?restored\.jpeg"?$/);
        expect(JSON.stringify([...response.headers])).not.toContain('evil');
      }
    });

    it('415 for anything but a form', async () => {
      for (const type of ['application/json', 'text/plain', 'image/png', 'application/x-www-form-urlencoded', '']) {
        const [status] = await refusal(post('{}', { headers: { 'content-type': type } }));
        expect(status, type).toBe(415);
      }
    });

    it.each([
      ['no boundary', 'multipart/form-data', 'abc'],
      ['an end too early', 'multipart/form-data; boundary=x', '--x\r\ncontent-disposition: form-data; name="image"'],
      [
        'a file that does not end',
        'multipart/form-data; boundary=x',
        '--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc',
      ],
      ['no field', 'multipart/form-data; boundary=x', '--x--\r\n'],
    ])('a form with %s is the fault of the client', async (_, type, body) => {
      const [status] = await refusal(post(body, { headers: { 'content-type': type } }));
      expect(status).toBe(400);
    });

    it('413 for a body above the limit, with its length told or not', async () => {
      const large = form(QUICK, new Uint8Array(21 * 2 ** 20));
      expect((await refusal(post(large)))[0]).toBe(413);
      const { headers, body } = new Response(large);
      const streamed = { headers: { 'content-type': String(headers.get('content-type')) }, duplex: 'half' };
      expect((await refusal(post(body, streamed as RequestInit)))[0]).toBe(413);
    });

    it('a form with 10,000 fields or files, or a long one, is refused', async () => {
      const part = (disposition: string) => `--x\r\ncontent-disposition: form-data; ${disposition}\r\n\r\nx\r\n`;
      for (const name of ['name="field"', 'name="image"; filename="a.png"', 'name="a[b][c]"']) {
        const answer = post(`${part(name).repeat(10_000)}--x--`, {
          headers: { 'content-type': 'multipart/form-data; boundary=x' },
        });
        expect((await refusal(answer))[1], name).toMatch(/LIMIT_|_LIMIT/);
      }
      const [, code] = await refusal(post(form({ ...QUICK, prompt: 'x'.repeat(100_000) })));
      expect(code).toBeOneOf(['LIMIT_FIELD_VALUE', 'FST_ERR_VALIDATION']);
    });

    it('a client that sends too slowly is cut off: in the headers, and in the body', async () => {
      const head = 'POST /restore HTTP/1.1\r\nhost: a\r\ncontent-length: 9999\r\ncontent-type: multipart/form-data; ';
      const sendSlowly = async (begun: string) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        let answer = '';
        socket.setEncoding('utf8').on('data', (chunk) => {
          answer += chunk;
        });
        socket.on('error', () => {}); // it writes on until it hears of the end
        socket.write(begun);
        const drip = setInterval(() => socket.write('a'), 300);
        await new Promise((resolve) => socket.once('close', resolve));
        clearInterval(drip);
        return answer.split('\r\n')[0];
      };
      const answers = await Promise.all([head, `${head}boundary=x\r\n\r\n--x\r\n`].map(sendSlowly));
      expect(answers).toEqual(Array(2).fill('HTTP/1.1 408 Request Timeout'));
      expect((await fetch(`${url}/health`)).status).toBe(200);
    });

    it('503 with Retry-After where the queue is full; who leaves makes room', async () => {
      const leave = new AbortController();
      const slow = [1, 2, 3].map(() => post(form(SLOW, LARGE), { signal: leave.signal }));
      const refused = await Promise.race(slow);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refusal(Promise.resolve(refused))).toEqual([503, 'DIFFBIR_QUEUE_FULL']);
      leave.abort();
      await Promise.allSettled(slow);
      const before = Date.now();
      let next: Response;
      do next = await post(form(QUICK));
      while (next.status === 503 && Date.now() - before < 20_000);
      expect(next.status).toBe(200);
      expect(Date.now() - before).toBeLessThan(20_000);
    });
  });

  describe('SIGTERM', () => {
    /** Sends the request's head, and SIGTERM once the server has it; then the picture. */
    const postIntoTheEnd = async (body: FormData): Promise<IncomingMessage> => {
      const encoded = new Response(body);
      const bytes = Buffer.from(await encoded.arrayBuffer());
      const request = rawRequest(`${url}/restore`, {
        method: 'POST',
        headers: {
          'content-type': String(encoded.headers.get('content-type')),
          'content-length': bytes.length,
          expect: '100-continue',
        },
      });
      request.flushHeaders();
      await once(request, 'continue');
      server.child.kill('SIGTERM');
      request.end(bytes);
      const [response] = await once(request, 'response');
      return response;
    };

    it('finishes what was begun, and ends', async () => {
      await startServer({});
      const response = await postIntoTheEnd(form({ stage: '2', format: 'png' }));
      expect(response.statusCode).toBe(200);
      expect(await sharp(Buffer.concat(await response.toArray())).metadata()).toMatchObject({ width: 32 });
      expect(await server.ended).toEqual({ code: 0, signal: null });
    });

    it('cancels what takes longer than the grace period', async () => {
      await startServer({ GRACE: '1' });
      const response = await postIntoTheEnd(form(SLOW, LARGE));
      expect([response.statusCode, JSON.parse(await text(response)).code]).toEqual([503, 'DIFFBIR_DISPOSED']);
      expect(await server.ended).toEqual({ code: 0, signal: null });
    });
  });
});
