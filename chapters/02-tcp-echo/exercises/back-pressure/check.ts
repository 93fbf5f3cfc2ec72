import { appliesBackPressure, bytesHeldInMemory } from '#lib/workshop/back-pressure.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { resetBeforeAccept, survivesResets } from '#lib/workshop/survives-resets.ts'
import { type TcpProbe, WAKE_UP_PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'

/** How long a slow server may take over what twenty clients have sent before it serves another. */
const BUSY_MS = 40_000
// No multiple of a page or of a buffer: what is lost is seen at once.
const BLOCK_BYTES = 65_537
/** More than fits into the buffers of both kernels, as Linux has them by default. */
const MUCH = 256
/** More than these buffers and the memory of the server may hold together. */
const MORE = 800
/** More than fits into buffers that were made large: only memory of the program holds it. */
const TOO_MUCH = 1536
/** So much of a client that does not read a server may keep in its memory. */
const MAX_HELD_BYTES = 16 * 2 ** 20
/** So long nothing must move until we ask whether it has stopped. */
const QUIET_MS = 1000

/** More clients that sleep at once than a pool of buffers, or a sum of memory, has room for. */
const SLOW_READERS = 20
/** So often a client falls asleep before it reads to the end. */
const NAPS = 3

/** So often it may go on by itself: TCP fills the last of a window in a few steps, each later. */
const MOVES = 5

const LEFT_OVER = 'what was kept for a client that has reset was sent to the next one'
const NEVER_RESUMES = 'pause() is called, and resume() is not called again in the drain event'

export default exercise({
  id: 'back-pressure',
  title: 'An echo under back-pressure',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. While a client does not read, the server soon stops reading from it:
a client that goes on sending and reads nothing finds that its bytes are no longer taken. The buffers of the kernels hold some of that, the memory of the server nearly nothing: 16 MiB are too much. The
server keeps the connection open for as long as that takes, and serves the other clients meanwhile, however many of them sleep.
When the client reads, everything comes back, and it may fall asleep again. When a client sends its FIN, the server sends back what is still to be sent, and then ends the connection
too. Clients that reset their connection do the others no harm, nor the client that comes next.`,
  section: 'chapters/02-tcp-echo/README.md#what-write-tells-you',
  hints: [
    'write() takes whatever you give it. What does it return, and what does that mean?',
    'A socket that you do not read fills up its buffers, and then TCP holds the sender back. pause() stops reading. Which event says that it is time for resume()?',
    'pipe() and pipeline() do all that for you, but errors are still yours. By hand: if write() returns false, pause(); on drain, resume(): always of the same client.',
  ],
  steps: [
    {
      title: 'sends back what a client has sent',
      async run(check) {
        const probe = await check.connect()
        const bytes = check.random.bytes(300)
        for (const part of [bytes.subarray(0, 100), bytes.subarray(100), ...COMMANDS]) {
          probe.send(part)
          await probe.expect(part, { likelyCause: 'whatever comes goes back, as it comes' })
        }
      },
    },
    {
      title: 'serves the other clients while many do not read',
      run: servesBesideSlowReaders,
    },
    {
      title: 'stops taking bytes from a client that does not read',
      async run(check) {
        const [slowReader, other] = [await check.connect({ reading: false }), await check.connect()]
        const block = check.random.bytes(BLOCK_BYTES)
        let sent = 0
        for (let moves = 0; moves < MOVES; moves++) {
          sent += await untilHeldBack(check, slowReader, other, block, TOO_MUCH - sent)
          staysOpen(check, slowReader)
          if (sent === TOO_MUCH && slowReader.unsentBytes === 0) break
          if (await appliesBackPressure(slowReader)) {
            keepsLittle(check, slowReader)
            return
          }
        }
        if (sent < TOO_MUCH) {
          check.fail({
            what: 'it stopped, and then went on to take bytes, again and again; nothing was read',
            likelyCause:
              'to wait for some time is no back-pressure: wait until `drain` says that somebody reads',
          })
        }
        check.fail({
          what: `the server has taken ${(TOO_MUCH * BLOCK_BYTES) >> 20} MiB from a client that reads nothing`,
          likelyCause:
            'write() returned false, and it read on: from there on all bytes pile up in its memory',
        })
      },
    },
    {
      title: 'sends everything back to a client that reads late, and falls asleep again',
      async run(check) {
        const { probe, block, sent } = await startSlowReader(check)
        let came = 0
        let all = sent
        for (let naps = 1; naps < NAPS; naps++) {
          // Half of it: the server has room again, and the client sends more.
          const half = Math.floor((all - came) / 2)
          probe.startReading()
          await comesBack(check, probe, block, half)
          probe.stopReading()
          came += half
          const other = await check.connect()
          all += await untilHeldBack(check, probe, other, block, MORE)
          staysOpen(check, probe)
          keepsLittle(check, probe)
        }
        probe.sendFin()
        probe.startReading()
        await comesBack(check, probe, block, all - came)
        await probe.expectEnd({
          bulk: true,
          likelyCause: 'nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'survives clients that fall asleep and reset',
      async run(check) {
        const [kept, ...leavers] = await Promise.all([1, 2, 3].map(() => startSlowReader(check)))
        // These have sent only a part.
        for (const times of [16, 16]) leavers.push(await startSlowReader(check, times))
        for (const { probe } of leavers) probe.reset()
        const likelyCause =
          'a socket without an error listener, as pipe() leaves it: one reset ends the server'
        const goesOn = async () => {
          await resetBeforeAccept(check)
          await servesOn(check)
          // One that slept beside them is not forgotten.
          await readsAgain(check, kept!)
        }
        await survivesResets(check, goesOn, likelyCause)
      },
    },
    {
      title: 'keeps clients connected that do not read for long, and serves the others meanwhile',
      alongside: true,
      run: keepsSlowReaders,
    },
  ],
})

/** A client that sends the same block again and again, and reads nothing. */
interface SlowReader {
  probe: TcpProbe
  block: Buffer
  /** How many blocks are on their way. */
  sent: number
}

async function startSlowReader(check: CheckContext, times = MUCH): Promise<SlowReader> {
  const [probe, other] = [await check.connect({ reading: false }), await check.connect()]
  const block = check.random.bytes(BLOCK_BYTES)
  const sent = await untilHeldBack(check, probe, other, block, times)
  staysOpen(check, probe)
  return { probe, block, sent }
}

/** It sends its FIN, if it has not, and reads everything. */
async function readsAgain(check: CheckContext, { probe, block, sent }: SlowReader): Promise<void> {
  staysOpen(check, probe)
  probe.sendFin()
  probe.startReading()
  await comesBack(check, probe, block, sent)
  await probe.expectEnd({ bulk: true, likelyCause: 'nobody calls end() when the client has ended' })
}

async function servesBesideSlowReaders(check: CheckContext): Promise<void> {
  const before = await check.connect()
  const slowReaders = await Promise.all(
    Array.from({ length: SLOW_READERS }, () => startSlowReader(check)),
  )
  const after = await check.connect()
  for (const probe of [before, after]) {
    await isServed(check, probe, check.random.bytes(check.random.between(50_000, 100_000)))
  }
  for (const { probe } of slowReaders) {
    staysOpen(check, probe)
    keepsLittle(check, probe)
  }
  // Its end is heard by a server that does not read: the answers still come.
  for (const { probe } of slowReaders.slice(0, 3)) probe.sendFin()
  for (const probe of [before, after]) await isServed(check, probe)
  for (const slowReader of slowReaders) await readsAgain(check, slowReader)
}

async function keepsSlowReaders(check: CheckContext): Promise<void> {
  const [dumb, active] = [await check.connect(), await check.connect()]
  const [open, ended] = (await Promise.all([1, 2].map(() => startSlowReader(check)))) as [
    SlowReader,
    SlowReader,
  ]
  ended.probe.sendFin()
  const clients = [
    { where: 'before its first byte', probe: dumb, goOn: () => isServed(check, dumb) },
    { where: 'and read nothing', probe: open.probe, goOn: () => readsAgain(check, open) },
    {
      where: 'and read nothing, behind its FIN',
      probe: ended.probe,
      goOn: () => readsAgain(check, ended),
    },
  ]
  await staySilent(check, clients, () => isServed(check, active))
}

/** Sends blocks until no more are taken, so many at most. Returns how many are on their way. */
async function untilHeldBack(
  check: CheckContext,
  slowReader: TcpProbe,
  other: TcpProbe,
  block: Buffer,
  times: number,
): Promise<number> {
  let taken = 0
  while (taken < times && !slowReader.isClosed) {
    taken += await slowReader.sendBlocks(block, times - taken, QUIET_MS)
    // Has it stopped, or is it slow? When it has answered another client, it had the time.
    await isServed(check, other)
    if (taken === times) break
    // One block more than was taken is on its way.
    if (slowReader.unsentBytes > 0) return taken + 1
    taken++
  }
  return taken
}

async function isServed(
  check: CheckContext,
  other: TcpProbe,
  bytes: Uint8Array = Buffer.from('a word'),
): Promise<void> {
  other.send(bytes)
  try {
    await other.expect(bytes, { patienceMs: BUSY_MS })
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error
    const { program } = check
    if (await program.waitFor(() => !program.isRunning, 1000)) {
      check.fail({ what: `while one client did not read, ${program.describeEnd()}` })
    }
    check.fail({
      what: `while one client did not read, another one got no answer (${check.program.describeState()})`,
      likelyCause: 'it waits for the client that sleeps; only that one is to be paused',
    })
  }
}

/** What is neither in the kernels nor with us is in the memory of the server. */
function keepsLittle(check: CheckContext, slowReader: TcpProbe): void {
  if ((bytesHeldInMemory(slowReader) ?? 0) <= MAX_HELD_BYTES) return
  check.fail({
    what: 'the server stopped at last, but it keeps more than 16 MiB for a client that reads nothing',
    likelyCause:
      'a queue of its own is large, or it waits only once: pause whenever write() returns false',
  })
}

function staysOpen(check: CheckContext, probe: TcpProbe): void {
  if (!probe.isClosed) return
  check.fail({
    what: 'the server broke the connection of a client that did not read',
    likelyCause: 'a client that sleeps is to be held back, not thrown out: pause it until drain',
  })
}

/** So many blocks must come back. */
async function comesBack(
  check: CheckContext,
  probe: TcpProbe,
  block: Buffer,
  times: number,
): Promise<void> {
  try {
    await probe.expect(Buffer.alloc(times * block.length, block), {
      bulk: true,
      causeOfSilence: NEVER_RESUMES,
      patienceMs: WAKE_UP_PATIENCE_MS,
    })
  } catch (error) {
    if (!(error instanceof CheckFailed) || error.failure.likelyCause === NEVER_RESUMES) throw error
    // Whether it ends too early, or something else follows, is a matter of chance.
    const { offset = 0 } = error.failure
    check.fail({
      what: `bytes are missing: only the first ${offset} of ${times * block.length} bytes came back as they should`,
      offset,
      likelyCause:
        'when write() returns false, the bytes are taken all the same; what comes then must not be thrown away, nor, elsewhere, the part that send() has not taken',
    })
  }
}

/** One after the other: the last of them comes when the resets have been looked at. */
async function servesOn(check: CheckContext): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const probe = await check.connect()
    probe.send('still there?')
    await probe.expect('still there?')
    probe.sendFin()
    await probe.expectEnd({ causeOfExcess: LEFT_OVER })
  }
}
