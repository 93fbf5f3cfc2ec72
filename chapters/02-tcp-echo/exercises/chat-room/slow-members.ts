import { firstDifference } from '#lib/workshop/bytes.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
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
export async function neverMixes(check: CheckContext): Promise<void> {
  const [ann, ben, cat, slowReader] = [
    await join(check),
    await join(check),
    await join(check),
    await join(check),
  ]
  slowReader.stopReading()
  const lines = MIXED_BYTES / MIXED_LINE_BYTES
  for (let n = 0; n < lines; n++) {
    for (const [probe, letter] of [[ann, 'a'] as const, [ben, 'b'] as const]) {
      probe.socket.write(`${`${letter} ${n} `.padEnd(MIXED_LINE_BYTES - 1, letter)}\n`)
    }
  }
  // When Cat hears nothing more, they wait for the sleeper: in vain, or a moment before it is dropped.
  const all = 2 * lines * MIXED_LINE_BYTES
  for (let stalls = 0; stalls < STALLS && cat.unreadBytes < all; ) {
    const before = cat.unreadBytes
    await cat.waitFor(() => cat.unreadBytes >= all || cat.hasEnded, STALL_MS)
    if (cat.unreadBytes !== before) continue
    stalls++
    slowReader.startReading()
    await check.pause(STALL_MS)
    if (stalls < STALLS - 1) slowReader.stopReading()
  }
  slowReader.startReading()
  await slowReader.waitFor(() => slowReader.hasEnded || slowReader.unreadBytes >= all, 4 * STALL_MS)
  for (const member of [cat, slowReader]) keepsLinesWhole(check, member)
}

/** What has come so far is lines as they were said, in the order of each speaker. */
function keepsLinesWhole(check: CheckContext, member: TcpProbe): void {
  const heard = { a: 0, b: 0 }
  for (const line of member.peek().toString('latin1').split('\n').slice(0, -1)) {
    const letter = line.startsWith('a') ? 'a' : 'b'
    const expected = `${letter} ${heard[letter]++} `.padEnd(MIXED_LINE_BYTES - 1, letter)
    if (line === expected) continue
    check.fail({
      what: 'the lines of two members who spoke at the same time did not come whole and in order',
      expected: Buffer.from(`${expected}\n`),
      received: Buffer.from(`${line}\n`, 'latin1'),
      offset: firstDifference(Buffer.from(expected), Buffer.from(line)),
      likelyCause:
        'two threads or tasks write to one member at once, so a line that the kernel takes only in part is interrupted by another',
    })
  }
}

/**
 * Members sleep side by side until they are dropped. Those who read, and came before, between and behind
 * them, miss no line.
 */
export async function dropsSlowReaders(check: CheckContext): Promise<void> {
  const [ann, ben] = [await join(check), await join(check)]
  const slowReaders = [await join(check), await join(check)]
  const cat = await join(check)
  slowReaders.push(await join(check))
  const dan = await join(check)
  for (const probe of slowReaders) probe.stopReading()
  const text = check.random.word(MAX_LINE_BYTES - 1)
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
        likelyCause:
          'when one member is dropped, another one misses a line: a list is changed while it is walked',
        causeOfSilence: 'it waits for the member who does not read, and all others wait with it',
      })
    }
  }
  for (const probe of slowReaders) await wasDropped(check, probe)
}

async function wasDropped(check: CheckContext, slowReader: TcpProbe): Promise<void> {
  slowReader.startReading()
  // What the kernels had taken comes, and behind it the end: or everything, from the server's memory.
  const all = ROUNDS * ROUND_BYTES
  const heardAll = await slowReader
    .take(bytes => (bytes.length >= all ? all : undefined), 'everything')
    .then(
      () => true,
      () => false,
    )
  if (heardAll) {
    check.fail({
      what: `a member who slept was told all ${all / 2 ** 20} MiB when it woke up`,
      likelyCause:
        'what waits for a member who does not read is kept in memory without a limit: see writableLength',
    })
  }
  await slowReader.expectClosed({
    bulk: true,
    patienceMs: 1,
    likelyCause:
      'lines for a member who does not read were thrown away; the member is to be dropped',
  })
}
