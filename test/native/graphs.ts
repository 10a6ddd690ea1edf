// The cases of graphCases.ts for tests of vitest, which clears their files away.
import { temporaryFolder } from '../checkpoint/build';
import * as cases from './graphCases';

export * from './graphCases';

export const graphCases = () => cases.graphCases(temporaryFolder());
export const sd21Widths = () => cases.sd21Widths(temporaryFolder());
