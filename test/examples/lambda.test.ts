/** The Lambda example, in a process that loads it as Lambda does. The event is as AWS documents it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import recorded from './fixtures/functionUrlEvent.json';
import { gray, LARGE, SMALL } from './pictures';

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded?: boolean;
}

const eventOf = (picture: Buffer, changes: object = {}) => ({
  ...recorded,
  body: picture.toString('base64'),
  ...changes,
});

const HUGE = await gray(2900);

describe('examples/lambda.mjs', () => {
  let runtime: ChildProcess;
  const call = async (event: object, remaining = 60_000): Promise<Answer> => {
    runtime.send({ event, remaining });
    return (await once(runtime, 'message'))[0];
  };
  const refusal = async (answer: Promise<Answer>) => {
    const { statusCode, headers, body } = await answer;
    expect(headers).toEqual({ 'content-type': 'application/json' });
    expect(Object.keys(JSON.parse(body))).toEqual(['code', 'message']);
    expect(body).not.toMatch(/\bat .*:\d+|node_modules/);
    return [statusCode, JSON.parse(body).code];
  };

  beforeAll(async () => {
    runtime = fork(path.join(import.meta.dirname, 'fixtures', 'lambdaRuntime.mjs'), {
      env: { ...process.env, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '2048', MAX_RESPONSE: '20000' },
      execArgv: [],
      silent: true,
    });
    await once(runtime, 'message');
  });
  afterAll(() => runtime.kill());

  it('answers with the restored picture, time after time', async () => {
    for (const [format, side] of Object.entries({ webp: 32, png: 64 })) {
      const queryStringParameters = { stage: '1', upscale: String(side / 32), format };
      const answer = await call(eventOf(SMALL, { queryStringParameters }));
      expect(answer).toMatchObject({ statusCode: 200, isBase64Encoded: true });
      expect(answer.headers).toEqual({ 'content-type': `image/${format}` });
      expect(await sharp(Buffer.from(answer.body, 'base64')).metadata()).toMatchObject({ format, width: side });
    }
  });

  it('has defaults for all that is not said', async () => {
    const { queryStringParameters, ...event } = eventOf(SMALL);
    expect(await call(event)).toMatchObject({ statusCode: 200, headers: { 'content-type': 'image/jpeg' } });
  });

  it.each([
    ['an empty body', eventOf(Buffer.alloc(0)), 422, 'DIFFBIR_INVALID_IMAGE'],
    ['no picture', eventOf(Buffer.from('<html>')), 422, 'DIFFBIR_INVALID_IMAGE'],
    ['a path as text', eventOf(SMALL, { body: '/etc/passwd', isBase64Encoded: false }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['too many pixels', eventOf(HUGE), 413, 'DIFFBIR_IMAGE_TOO_LARGE'],
    ['a wrong option', eventOf(SMALL, { queryStringParameters: { upscale: 'x' } }), 400, 'DIFFBIR_INVALID_OPTION'],
    [
      'a header in an option',
      eventOf(SMALL, { queryStringParameters: { stage: '1', format: 'png\r\nset-cookie: evil=1' } }),
      400,
      'DIFFBIR_INVALID_OPTION',
    ],
    ['GET', eventOf(SMALL, { requestContext: { http: { method: 'GET' } } }), 405, 'METHOD_NOT_ALLOWED'],
    ['an event of another kind', { httpMethod: 'POST', body: '' }, 500, 'INTERNAL'],
  ])('%s is refused', async (_, event, status, code) => {
    expect(await refusal(call(event))).toEqual([status, code]);
  });

  it('a picture that would not be ready in time is stopped, and the next one works', async () => {
    const slow = eventOf(LARGE, { queryStringParameters: { stage: '2', upscale: '2' } });
    const before = Date.now();
    expect(await refusal(call(slow, 4000))).toEqual([504, 'DIFFBIR_TIME_LIMIT']);
    expect(Date.now() - before).toBeLessThan(4000);
    expect(await refusal(call(slow, 100))).toEqual([504, 'DIFFBIR_TIME_LIMIT']);
    expect((await call(eventOf(SMALL))).statusCode).toBe(200);
  });

  it('an answer that Lambda would not let through is a refusal', async () => {
    const noise = Buffer.from(Array.from({ length: 128 * 128 * 3 }, (_, i) => (i * i * 2654435761) % 256));
    const picture = await sharp(noise, { raw: { width: 128, height: 128, channels: 3 } })
      .png()
      .toBuffer();
    const event = eventOf(picture, { queryStringParameters: { stage: '1', format: 'png' } });
    expect(await refusal(call(event))).toEqual([413, 'RESPONSE_TOO_LARGE']);
  });
});
