import type { Example } from '#lib/catalogue/types.ts'
import { LANES, type Lane } from '#lib/trace/recording.ts'

/** The lanes that have something to show of an example. */
export function lanesFor({
  transport,
  alsoOverTcp,
}: Pick<Example, 'transport' | 'alsoOverTcp'>): readonly Lane[] {
  if (transport === 'tcp' || alsoOverTcp) return LANES
  return transport === 'udp' ? ['js', 'syscall', 'packet'] : ['js', 'syscall']
}
