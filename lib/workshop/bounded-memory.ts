import { waitUntilRead } from './back-pressure.ts'
import type { CheckContext } from './exercise.ts'
import type { TcpProbe } from './tcp-probe.ts'

/** What is sent first: a program takes some memory for anything that it reads. */
const FIRST_BYTES = 4 * 2 ** 20
/** What is sent then, several times. */
const ROUND_BYTES = 8 * 2 ** 20
/**
 * A program that keeps nothing grows for a while as well, Node by about 40 MiB: its garbage is collected
 * when it likes.
 */
const ROUNDS = 8
/** Fewer are enough for a program that takes longer than this for one of them, in milliseconds. */
const ENOUGH_ROUNDS = 4
const SLOW_MS = 1500
/** A program that keeps what comes grows by at least this share of it. */
const KEPT_SHARE = 0.9
/** Pages of Linux have at least this size. */
const PAGE_BYTES = 4096
/** How long nothing must move until a program counts as one that reads no more. */
const QUIET_MS = 4000

/**
 * Sends a part of a message that has no end. Only Linux shows how much of it is kept; elsewhere this
 * finds programs that break at it.
 */
export async function keepsMemoryBounded(
  check: CheckContext,
  probe: TcpProbe,
  fill: string,
): Promise<void> {
  const block = Buffer.alloc(65_536, fill)
  const grownTo = async (bytes: number) => {
    await probe.sendBlocks(block, bytes / block.length, QUIET_MS)
    await waitUntilRead(probe, QUIET_MS)
    return check.program.residentPages * PAGE_BYTES
  }
  const watch = check.stopwatch()
  const before = await grownTo(FIRST_BYTES)
  for (let round = 1; round <= ROUNDS; round++) {
    const one = check.stopwatch()
    const grown = (await grownTo(ROUND_BYTES)) - before
    if (grown < KEPT_SHARE * round * ROUND_BYTES) return
    // One that goes through all that it keeps each time becomes ever slower: garbage slows nobody down so much.
    if (round >= ENOUGH_ROUNDS && one.read().leastMs > SLOW_MS) break
  }
  const what = 'a message without an end was sent, and the program’s memory grew along with it'
  const { ms, leastMs } = watch.read()
  if (leastMs < ms / 2) {
    const waited = `but other programs kept it, or this check, waiting for up to ${Math.round(ms - leastMs)} of ${Math.round(ms)} ms`
    check.inconclusive(`${what}, ${waited}: it may have had no time to collect its garbage`)
  }
  check.fail({
    what,
    likelyCause:
      'a message that is already too long is kept until its end comes: remember only that it is too long',
  })
}
