import { executionOn } from '../../bench/gpu/restorers';
import { serve } from '../../bench/gpu/serve';
import type { Device } from '../../src/device/parse';
import { goldenItems } from './golden';
import { networkItems, recordedItems } from './networks';
import type { Outcome } from './outcome';
import { pictureItems } from './pictures';
import { promptItems } from './prompts';
import { rngItems } from './rng';
import { robustnessItems } from './robustness';
import { twinItems } from './twins';

serve<Outcome>(async (group, { device }) => {
  const execution = await executionOn(device as Device, { cudaGraphs: false });
  switch (group) {
    case 'kernels':
      return twinItems();
    case 'networks, float32':
      return networkItems(execution, 'float32');
    case 'golden':
      return goldenItems(execution);
    case 'pictures':
      return [...promptItems(execution), ...pictureItems(device)];
    case 'networks, float16':
      return networkItems(execution, 'float16');
    case 'CUDA graphs, float32':
      return recordedItems(execution, 'float32');
    case 'CUDA graphs, float16':
      return recordedItems(execution, 'float16');
    case 'robustness':
      return robustnessItems(execution, device);
    case 'random numbers':
      return rngItems();
    default:
      throw new Error(`There is no group ${group}`);
  }
});
