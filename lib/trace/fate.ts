import type { PacketEvent } from './recording.ts'

/** What became of a packet on its way; `arrived` also where it was captured only once. */
export type Fate = 'arrived' | 'lost' | 'copy' | 'corrupted'

/** What became of a packet, as far as its capture points can say. */
export function fateOf({ sentNs, arrivedNs, copy, corrupted }: PacketEvent): Fate {
  if (sentNs !== undefined && arrivedNs === undefined) return 'lost'
  if (corrupted) return 'corrupted'
  return copy ? 'copy' : 'arrived'
}

/** The same in words, for the end of what a packet means; empty where nothing happened to it. */
export const FATE_WORDS: Record<Fate, string> = {
  arrived: '',
  lost: 'lost on the way',
  copy: 'the same packet once more: the network has copied it',
  corrupted: 'arrived with other bits than it was sent with',
}
