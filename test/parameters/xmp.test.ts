import { describe, expect, it } from 'vitest';
import { hasRdf, parametersIn, withoutParameters, withParameters } from '../../src/parameters/xmp';

const OTHERS = Buffer.from(
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about="" dc:title="caf\u00e9"/></rdf:RDF></x:xmpmeta>',
);

describe('parameters in a packet', () => {
  it.each(['plain', '<&>"\'', 'שלום 🐈', '&lt;escaped already&gt;', '</diffbir:parameters>', ']]>'])(
    'come back as they were: %s',
    (text) => {
      expect(parametersIn(withParameters(undefined, text))).toBe(text);
      expect(parametersIn(withParameters(OTHERS, text))).toBe(text);
    },
  );

  it('leave what others wrote as it is', () => {
    const packet = withParameters(OTHERS, 'x');
    expect(packet.toString()).toContain('dc:title="caf\u00e9"/>');
    expect(withoutParameters(packet)).toEqual(OTHERS);
    // Bytes that are no UTF-8 go through too.
    const foreign = Buffer.concat([Buffer.from([0xe9, 0xff]), OTHERS]);
    expect(withParameters(foreign, 'ü').subarray(0, 2)).toEqual(foreign.subarray(0, 2));
  });

  it('replace those of an earlier run, also where another program has moved them', () => {
    const twice = withParameters(withParameters(OTHERS, 'old'), 'new');
    expect(parametersIn(twice)).toBe('new');
    expect(twice.toString()).not.toContain('old');
    const moved = Buffer.from(
      withParameters(OTHERS, 'old').toString().replace('rdf:about="" xmlns:diffbir', 'a="" xmlns:diffbir'),
    );
    expect(parametersIn(withoutParameters(moved))).toBeUndefined();
    expect(parametersIn(withParameters(moved, 'new'))).toBe('new');
  });

  it('are not found where there are none, or no end of them', () => {
    expect(parametersIn(OTHERS)).toBeUndefined();
    expect(withoutParameters(OTHERS)).toBe(OTHERS);
    const endless = Buffer.from('<diffbir:parameters>'.repeat(1000));
    expect(parametersIn(endless)).toBeUndefined();
    // They would take in what is written behind them.
    expect(parametersIn(withParameters(Buffer.concat([endless, OTHERS]), 'new'))).toBe('new');
  });

  it('make a packet of their own in place of one without RDF', () => {
    expect(hasRdf(OTHERS)).toBe(true);
    const odd = Buffer.from('<x:xmpmeta/>');
    expect(hasRdf(odd)).toBe(false);
    expect(withParameters(odd, 'x')).toEqual(withParameters(undefined, 'x'));
  });

  it('of 4 MB of begun ones are taken out in no time', () => {
    const packet = Buffer.from('<diffbir:parameters></diffbir:parameters>'.repeat(100_000));
    const begin = performance.now();
    expect(withoutParameters(packet).length).toBe(0);
    expect(performance.now() - begin).toBeLessThan(2000);
  });
});
