import { sum } from '../statistics';

/** Where the time of a network goes: of one run, on average. */
export interface Profile {
  readonly seconds: number;
  /** Types of operators, those with most time first. */
  readonly operators: readonly OperatorTime[];
}

export interface OperatorTime {
  readonly type: string;
  readonly seconds: number;
  readonly calls: number;
}

/** What is of interest in an event of ONNX Runtime's trace; times in microseconds. */
interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}

/**
 * The operators in a trace of ONNX Runtime, in all runs but the first, which reads the weights, unless it is the only one.
 * Throws an Error for a trace of no run.
 */
export function profileOf(trace: string): Profile {
  const events: readonly TraceEvent[] = JSON.parse(trace);
  const all = events.filter(({ name }) => name === 'model_run').sort((a, b) => a.ts - b.ts);
  const runs = all.length > 1 ? all.slice(1) : all;
  const begin = runs[0]?.ts;
  if (begin === undefined) throw new Error('Expected a run in the trace of ONNX Runtime but there is none');

  const times = new Map<string, number[]>();
  for (const { name, ts, dur, args } of events) {
    // Other events of an operator are about waiting for memory, and lie beside it.
    if (ts < begin || args.op_name === undefined || !name.endsWith('_kernel_time')) continue;
    times.set(args.op_name, [...(times.get(args.op_name) ?? []), dur]);
  }
  const operators = [...times].map(([type, durations]) => ({
    type,
    seconds: sum(durations) / runs.length / 1e6,
    calls: durations.length / runs.length,
  }));
  return {
    seconds: sum(runs.map(({ dur }) => dur)) / runs.length / 1e6,
    operators: operators.sort((a, b) => b.seconds - a.seconds),
  };
}
