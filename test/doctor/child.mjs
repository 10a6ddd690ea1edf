// A child of `diffbir doctor` that goes wrong in the way that its first argument names, after the step `load`.
const [way] = process.argv.slice(2);
const say = (event) => console.log(JSON.stringify(event));
const load = { addon: '/a.node', runtime: '/ort.so', onnxruntime: '1.29.0', int8Kernels: 'avx512' };

console.log('a library says hello');
say({ step: 'load', found: load });
const ways = {
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  abort: () => process.abort(),
  hang: () => setInterval(() => {}, 1000),
  garbage: () => {
    process.stdout.write(
      '{"step":"devices","found":\n{"step":"none","found":1}\n\0\xff{}{{{\n{"step":"model"}\nthe end',
    );
  },
  endless: () => {
    const write = () => process.stdout.write('x'.repeat(1 << 20), write);
    write();
  },
  exit: () => {
    console.error('not today');
    process.exitCode = 3;
  },
  quiet: () => {},
  refuse: () => {
    say({
      step: 'devices',
      found: {
        cuda: { devices: [] },
        folder: '',
        files: [],
        examined: { cuda: { problems: [], devices: [] }, tensorrt: { problems: [], devices: [] } },
      },
    });
    say({ step: 'model', error: { code: 'DIFFBIR_NO_DEVICE', message: 'there is none' } });
    process.exitCode = 1;
  },
  late: () => {
    for (const step of ['devices', 'model', 'restore']) say({ step, found: {} });
    process.kill(process.pid, 'SIGABRT');
  },
  pass: () => {
    for (const step of ['devices', 'model', 'restore']) say({ step, found: {} });
  },
};
ways[way]();
