import type { Examiner } from '#lib/workshop/exercise.ts'
import { firstDifference } from '#lib/workshop/failed.ts'
import type { Talk } from '#lib/workshop/talk.ts'
import { join, MAX_LINE_BYTES } from './members.ts'

/** All rounds are 20 MiB: the buffers of the kernels, and 1 MiB of the server, hold far less. */
const ROUND_BYTES = 524_288
const ROUNDS = 40

/** How long nothing comes until it seems that nothing will, in milliseconds, and how often. */
const STALL_MS = 50
const STALLS = 20

/** How much each of two members says at the same time while a third sleeps. */
const MIXED_BYTES = 6 * 2 ** 20
const MIXED_LINE_BYTES = 4000

/**
 * Two members talk until a third, who does not read, fills all buffers. When it wakes up, those who
 * wrote to it side by side, in threads or tasks, each go on with the rest of a line.
 */
export async function neverMixes(at: Examiner): Promise<void> {
  const [ann, ben, cat, sleeper] = [await join(at), await join(at), await join(at), await join(at)]
  sleeper.sleep()
  const lines = MIXED_BYTES / MIXED_LINE_BYTES
  for (let n = 0; n < lines; n++) {
    for (const [talk, letter] of [[ann, 'a'] as const, [ben, 'b'] as const]) {
      talk.socket.write(`${`${letter} ${n} `.padEnd(MIXED_LINE_BYTES - 1, letter)}\n`)
    }
  }
  // When Cat hears nothing more, they wait for the sleeper: in vain, or a moment before it is dropped.
  const all = 2 * lines * MIXED_LINE_BYTES
  for (let stalls = 0; stalls < STALLS && cat.unread < all; ) {
    const before = cat.unread
    await cat.until(() => cat.unread >= all || cat.hasEnded, STALL_MS)
    if (cat.unread !== before) continue
    stalls++
    sleeper.read()
    await at.pause(STALL_MS)
    if (stalls < STALLS - 1) sleeper.sleep()
  }
  sleeper.read()
  await sleeper.until(() => sleeper.hasEnded || sleeper.unread >= all, 4 * STALL_MS)
  for (const member of [cat, sleeper]) keepsLinesWhole(at, member)
}

/** What has come so far is lines as they were said, in the order of each speaker. */
function keepsLinesWhole(at: Examiner, member: Talk): void {
  const heard = { a: 0, b: 0 }
  for (const line of member.peek().toString('latin1').split('\n').slice(0, -1)) {
    const letter = line.startsWith('a') ? 'a' : 'b'
    const expected = `${letter} ${heard[letter]++} `.padEnd(MIXED_LINE_BYTES - 1, letter)
    if (line === expected) continue
    at.fail({
      what: 'the lines of two members who spoke at the same time did not come whole and in order',
      expected: Buffer.from(`${expected}\n`),
      received: Buffer.from(`${line}\n`, 'latin1'),
      offset: firstDifference(Buffer.from(expected), Buffer.from(line)),
      mistake:
        'two threads or tasks write to one member at once, so a line that the kernel takes only in part is interrupted by another',
    })
  }
}

/**
 * Members sleep side by side until they are dropped. Those who read, and came before, between and behind
 * them, miss no line.
 */
export async function dropsSleepers(at: Examiner): Promise<void> {
  const [ann, ben] = [await join(at), await join(at)]
  const sleepers = [await join(at), await join(at)]
  const cat = await join(at)
  sleepers.push(await join(at))
  const dan = await join(at)
  for (const talk of sleepers) talk.sleep()
  const text = at.random.word(MAX_LINE_BYTES - 1)
  for (let n = 0; n < ROUNDS; n++) {
    // Each line is another one: none that is missing can be taken for the next.
    const line = (nth: number) => `${`${n} ${nth} `.padEnd(20)}${text.slice(20)}\n`
    const lines = Array.from({ length: ROUND_BYTES / MAX_LINE_BYTES }, (_, nth) => line(nth))
    const round = Buffer.from(lines.join(''))
    ann.socket.write(round)
    // Ann waits for the others: no member gets more than one who reads can take.
    for (const other of [ben, cat, dan]) {
      await other.expect(round, {
        bulk: true,
        mistake:
          'when one member is dropped, another one misses a line: a list is changed while it is walked',
        silence: 'it waits for the member who does not read, and all others wait with it',
      })
    }
  }
  for (const talk of sleepers) await wasDropped(at, talk)
}

async function wasDropped(at: Examiner, sleeper: Talk): Promise<void> {
  sleeper.read()
  // What the kernels had taken comes, and behind it the end: or everything, from the server's memory.
  const all = ROUNDS * ROUND_BYTES
  const heardAll = await sleeper
    .take(bytes => (bytes.length >= all ? all : undefined), 'everything')
    .then(
      () => true,
      () => false,
    )
  if (heardAll) {
    at.fail({
      what: `a member who slept was told all ${all / 2 ** 20} MiB when it woke up`,
      mistake:
        'what waits for a member who does not read is kept in memory without a limit: see writableLength',
    })
  }
  await sleeper.expectGone({
    bulk: true,
    patienceMs: 1,
    mistake: 'lines for a member who does not read were thrown away; the member is to be dropped',
  })
}
