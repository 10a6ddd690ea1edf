import { readFileSync } from 'node:fs';
import { internals } from '../src/internals';
import { modelSpec } from '../src/models/modelSpec';
import { readManifest } from '../src/models/manifest';
const [dir, which, size = '512', runs = '2'] = process.argv.slice(2);
const mem = () => { const s = readFileSync('/proc/self/status','utf8'); const g=(k:string)=>Math.round(Number(new RegExp(k+':\\s+(\\d+)').exec(s)?.[1])/1024); return `anon ${g('RssAnon')} file ${g('RssFile')} hwm ${g('VmHWM')}`; };
const t0=performance.now();
const spec = await modelSpec(await readManifest(dir!), { stage: 2, threads: 2 }, internals.readCheckpoint);
const binding = internals.loadBinding();
console.log('tables', (performance.now()-t0|0), 'ms', mem());
const s2 = spec.stage2!;
const nets: any = { cleaner: spec.cleaner, text: s2.textEncoder, enc: s2.vaeEncoder, dec: s2.vaeDecoder, unet: s2.unet, cn: s2.controlnet };
const n = Number(size), h = n/8;
const T = (shape: number[]) => ({ shape, data: Float32Array.from({length: shape.reduce((a,b)=>a*b,1)}, (_, i) => Math.sin(i*12.9898)*1.4) });
const controls: any = {};
const cs = [320,320,320,320,640,640,640,1280,1280,1280,1280,1280,1280], ds=[1,1,1,2,2,2,4,4,4,8,8,8,8];
cs.forEach((c,i)=>controls[`control_${i}`]=T([1,c,h/ds[i]!,h/ds[i]!]));
const context = T([1,77,1024]), t={shape:[1],data:Float32Array.of(500)};
const inputs: any = {
 cleaner: () => ({ x: T([1,3,n,n]), attn_mask: binding.primitives.shiftedWindowMask(h,h,8,-100) }),
 text: () => ({ ids: new Int32Array(77).fill(320) }), enc: () => ({ image: T([1,3,n,n]) }), dec: () => ({ z: T([1,4,h,h]) }),
 unet: () => ({ x: T([1,4,h,h]), t, context, strength: {shape:[1],data:Float32Array.of(1)}, ...controls }),
 cn: () => ({ x: T([1,4,h,h]), t, context, hint: T([1,4,h,h]) }),
};
for (const w of which!.split(',')) {
  const b=performance.now();
  const net = binding.primitives.createNetwork(nets[w], Number(process.env.TH ?? 2), []);
  console.log(w, 'load', ((performance.now()-b)/1000).toFixed(2), mem());
  const input = inputs[w]();
  for (let r=0;r<Number(runs);r++){ const c=performance.now(), u=process.cpuUsage(); const out = net.run(input); 
   const o:any=Object.values(out)[0]; let s=0,q=0; for(const v of o.data){s+=v;q+=v*v} const m=s/o.data.length;
   const v=process.cpuUsage(u); console.log(w,'run','cpu',((v.user+v.system)/1e6).toFixed(2),'wall',((performance.now()-c)/1000).toFixed(2), mem(), 'mean', m.toFixed(3),'std',Math.sqrt(q/o.data.length-m*m).toFixed(3)); }
}
