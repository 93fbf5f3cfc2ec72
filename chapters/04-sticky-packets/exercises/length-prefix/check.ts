import { lengthPrefix } from '#lib/framing/index.ts'
import {
  appliesBackPressure,
  bytesHeldInMemory,
  waitUntilRead,
} from '#lib/workshop/back-pressure.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { servesBesideLingeringClients } from '#lib/workshop/lingering-clients.ts'
import {
  crowdStep,
  exactDialogue,
  leaveAnswersUnread,
  othersAreServed,
  silenceStep,
} from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

const LIMIT = 65_536
/** 100 MiB in frames: the sockets hold less than that, on any kernel with its usual settings. */
const MANY = 1600
/** How much a server may keep in its memory for a client that does not read. */
const MAX_HELD_BYTES = 4 * 2 ** 20
/** More of them than sockets hold and a server may keep, as answers. */
const SMALL_BYTES = 12 * 2 ** 20
/** Frames without payload are small: one chunk holds more of them than a stack holds calls. */
const EMPTY = 140_000
/** So long nothing must move until we ask whether it has stopped. */
const QUIET_MS = 1000
/** So often it may go on by itself: TCP fills the last of a window in a few steps, each later. */
const MOVES = 5

const { encode } = lengthPrefix({ maxFrameBytes: LIMIT })
const frame = (payload: string | Uint8Array) => encode(Buffer.from(payload))
const mirrored = (payload: string | Uint8Array) => encode(Buffer.from(payload).reverse())

/** Frames in which each byte has its place, and their answers. */
const payloadOf = (n: number) => `${n}`.padEnd(20, 'ab~')
const DIALOGUE = exactDialogue(
  n => Buffer.from(frame(payloadOf(n))),
  n => Buffer.from(mirrored(payloadOf(n))),
)

/** The same with payloads as long as they may be. */
const largePayload = (n: number) => Buffer.alloc(LIMIT, `${n} ab~`)
const LARGE_DIALOGUE = exactDialogue(
  n => Buffer.from(frame(largePayload(n))),
  n => Buffer.from(mirrored(largePayload(n))),
)

const ONE_CHUNK = 'one data event is taken for one frame; a chunk may hold many of them'

export default exercise({
  id: 'length-prefix',
  title: 'A mirror for frames',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. Both directions carry frames:
four bytes that say how many bytes of payload follow (an unsigned number, the most significant byte first, the four
bytes themselves not counted), then the payload, 0 to 65536 bytes of any value. The server answers each frame, in
order, with a frame that has the same bytes in reverse order; it does so as soon as the frame is complete, however its
bytes arrive. A length above 65536 ends the connection at once, without waiting for any payload; the answers to the frames
before it still reach the client; the end may be a FIN or a reset. While a client does not read its answers, the server takes no more frames from it than
the buffers of the sockets hold, and keeps at most 4 MiB for it in its own memory, whatever the size of its frames. After the client's FIN the server sends
the remaining answers, however slowly the client reads, and ends the connection; a frame that is not complete by then gets
no answer.
A client may be silent for as long as it likes, before a frame and in the middle of one, and may send any number of frames.
The server serves hundreds of clients at once; none of them waits because another one is silent, stops in the middle of a
frame, does not read, or does not close a connection that the server has ended.`,
  section: 'chapters/04-sticky-packets/README.md#a-length-before-each-message',
  hints: [
    'Keep the bytes of a client that are not used up yet. When some come, put them behind those, and ask: are there four? Then: is the whole frame there?',
    'After one frame look again, in a loop: more may have come with it. What is left over stays for the next data event. Buffer.readUInt32BE reads the length.',
    'Compare the length with the limit as soon as its four bytes are there. When write() returns false, pause() the socket until drain.',
  ],
  steps: [
    {
      title: 'answers a frame with its payload in reverse order',
      async run(check) {
        const probe = await check.connect()
        for (const payload of ['stressed', 'a']) {
          probe.send(frame(payload))
          await probe.expect(mirrored(payload), {
            likelyCause:
              'an answer is a frame too: its length in four bytes, then the bytes in reverse',
          })
        }
      },
    },
    {
      title: 'answers bytes that are not text',
      async run(check) {
        const probe = await check.connect()
        const payload = check.random.bytes(40)
        probe.send(frame(payload))
        await probe.expect(mirrored(payload), {
          likelyCause: 'bytes were made into text and back: 0x80 and above do not survive that',
        })
      },
    },
    {
      title: 'answers each of several frames that come in one segment',
      async run(check) {
        const probe = await check.connect()
        const payloads = ['one', 'two', 'and three']
        probe.send(Buffer.concat(payloads.map(frame)))
        await probe.expect(Buffer.concat(payloads.map(mirrored)), { likelyCause: ONE_CHUNK })
      },
    },
    {
      title: 'answers an empty frame with an empty frame',
      async run(check) {
        const probe = await check.connect()
        probe.send(Buffer.concat([frame(''), frame('x')]))
        await probe.expect(Buffer.concat([mirrored(''), mirrored('x')]), {
          likelyCause: 'a length of 0 is taken for "no length yet": 0 is false in a condition',
        })
      },
    },
    {
      title: 'reassembles a frame that is cut in two, wherever the cut is',
      async run(check) {
        const whole = frame('drawer')
        for (let cut = whole.length - 1; cut > 0; cut--) {
          const probe = await check.connect()
          // The first answer tells that the start of the second frame has been read too.
          probe.send(Buffer.concat([frame('ab'), whole.subarray(0, cut)]))
          await probe.expect(mirrored('ab'), {
            likelyCause:
              'the start of another frame came along: it must wait, and keep nothing waiting',
          })
          probe.send(whole.subarray(cut))
          await probe.expect(mirrored('drawer'), {
            likelyCause:
              cut < 4
                ? 'the four bytes of the length may be cut too: wait until all of them are there'
                : 'what is left of a chunk behind its last whole frame must be kept for the next one',
          })
        }
      },
    },
    {
      title: 'reassembles frames that arrive byte by byte',
      async run(check) {
        const probe = await check.connect()
        const payloads = [0, 1, 60, 3].map(size => check.random.bytes(size))
        await probe.sendPieces(check.random.cut(Buffer.concat(payloads.map(frame)), 1))
        await probe.expect(Buffer.concat(payloads.map(mirrored)), {
          likelyCause:
            'a frame may come in more than two pieces: keep all of them until it is whole',
        })
      },
    },
    {
      title: 'keeps two clients apart when both are inside a frame',
      async run(check) {
        const [ann, ben] = [await check.connect(), await check.connect()]
        const likelyCause = 'both clients share what has been kept: each connection needs its own'
        const [fromAnn, fromBen] = [frame('pupils'), frame('reward')]
        for (const [probe, bytes] of [
          [ann, fromAnn],
          [ben, fromBen],
        ] as const) {
          probe.send(Buffer.concat([frame('me'), bytes.subarray(0, 7)]))
          await probe.expect(mirrored('me'), { likelyCause })
        }
        ann.send(fromAnn.subarray(7))
        await ann.expect(mirrored('pupils'), { likelyCause })
        ben.send(fromBen.subarray(7))
        await ben.expect(mirrored('reward'), { likelyCause })
      },
    },
    {
      title: 'accepts payloads of up to 65536 bytes, cut at random',
      async run(check) {
        const probe = await check.connect()
        const sizes = [LIMIT, 255, LIMIT - 1, 256, check.random.below(LIMIT), LIMIT]
        const payloads = sizes.map(size => check.random.bytes(size))
        await probe.sendPieces(check.random.cut(Buffer.concat(payloads.map(frame)), 5000))
        await probe.expect(Buffer.concat(payloads.map(mirrored)), {
          bulk: true,
          likelyCause: '65536 is allowed: only what is above it ends the connection',
        })
      },
    },
    {
      title: 'ends the connection at a length of 65537, before any payload has arrived',
      async run(check) {
        const probe = await check.connect()
        probe.send(frame('level'))
        await probe.expect(mirrored('level'))
        const length = Buffer.alloc(4)
        length.writeUInt32BE(LIMIT + 1)
        probe.send(length)
        await probe.expectClosed({
          likelyCause: 'the limit is missing, or looked at only when the whole payload is there',
        })
      },
    },
    {
      title: 'reads the length as an unsigned number',
      async run(check) {
        const random = check.random.bytes(4)
        // Any that is too large, whatever its last two bytes say.
        random.writeUInt16BE(check.random.between(2, 0xffff))
        const lengths = ['01000000', '05000003', '00020000', '7fffffff', 'ffffffff', '80000000']
        for (const bytes of [...lengths, random.toString('hex')]) {
          const probe = await check.connect()
          probe.send(Buffer.from(bytes, 'hex'))
          await probe.expectClosed({
            likelyCause:
              bytes < '80000000'
                ? 'all four bytes belong to the length, including the first'
                : '`<< 24` and readInt32BE make a negative number, and that is below any limit',
          })
        }
      },
    },
    {
      title: 'answers all whole frames after the client’s FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        probe.send(
          Buffer.concat([frame('live'), frame('on'), frame('never complete').subarray(0, 9)]),
        )
        probe.sendFin()
        await probe.expect(Buffer.concat([mirrored('live'), mirrored('on')]))
        await probe.expectEnd({
          likelyCause:
            'with allowHalfOpen you end each connection yourself, also when a frame is cut off',
        })
      },
    },
    {
      title: 'survives clients that reset inside a frame',
      async run(check) {
        await survivesResets(check, async () => {
          for (let n = 0; n < 5; n++) {
            const probe = await check.connect()
            probe.send(frame(check.random.bytes(10_000)).subarray(0, 4 + 2000 * n))
            probe.reset()
          }
          const probe = await check.connect()
          probe.send(frame('still there?'))
          await probe.expect(mirrored('still there?'))
        })
      },
    },
    {
      title: 'sends the answers to all frames before a length that is too large',
      async run(check) {
        const likelyCause = 'destroy() throws away what has not been sent yet; end() sends it first'
        const payload = check.random.bytes(LIMIT)
        for (const payloads of [['live', 'on'], Array.from({ length: 100 }, () => payload)]) {
          const probe = await check.connect({ reading: false })
          probe.send(Buffer.concat([...payloads.map(frame), Buffer.from('00010001', 'hex')]))
          await waitUntilRead(probe, QUIET_MS)
          probe.startReading()
          const bulk = payloads.length > 2
          await probe.expect(Buffer.concat(payloads.map(mirrored)), { likelyCause, bulk })
          await probe.expectClosed({
            likelyCause: 'a length that is too large ends the connection',
          })
        }
        await servesBesideLingeringClients(check, DIALOGUE, Buffer.from('00010001', 'hex'))
      },
    },
    crowdStep(DIALOGUE),
    {
      title: 'answers a great many empty frames that come at once',
      async run(check) {
        const probe = await check.connect()
        const bytes = Buffer.alloc(EMPTY * frame('').length)
        probe.send(bytes)
        await probe.expect(bytes, {
          bulk: true,
          likelyCause:
            'a client may send any number of frames: set no limit on their number, and read them in a loop, because nested calls overflow the stack',
        })
        const other = await check.connect()
        other.send(frame('still there?'))
        await other.expect(mirrored('still there?'))
      },
    },
    {
      title: 'stops reading from a client that does not read, serves others, and loses no answer',
      alongside: true,
      async run(check) {
        const earlier = await check.connect()
        const probe = await check.connect({ reading: false })
        const payload = check.random.bytes(LIMIT)
        const sent = await untilHeldBack(check, probe, frame(payload))
        await holdsFewEmptyFrames(check)
        await othersAreServed(check, DIALOGUE, earlier)
        probe.sendFin()
        probe.startReading()
        const answer = mirrored(payload)
        await probe.expect(Buffer.alloc(sent * answer.length, answer), {
          bulk: true,
          likelyCause:
            'hold back a client that does not read for a while, but lose none of its answers',
        })
        await probe.expectEnd()
      },
    },
    silenceStep(DIALOGUE, leaveAnswersUnread(LARGE_DIALOGUE, 4 + LIMIT)),
  ],
})

/** What a frame costs besides its payload counts too. */
async function holdsFewEmptyFrames(check: CheckContext): Promise<void> {
  const probe = await check.connect({ reading: false })
  await probe.sendBlocks(Buffer.alloc(LIMIT), SMALL_BYTES / LIMIT, QUIET_MS)
  await waitUntilRead(probe, QUIET_MS)
  const held = bytesHeldInMemory(probe) ?? 0
  probe.reset()
  if (held <= MAX_HELD_BYTES) return
  check.fail({
    what: 'it holds more than 4 MiB in memory for a client that sends empty frames and reads nothing',
    likelyCause: 'the four bytes of a length count too: only payloads were counted',
  })
}

/** Sends a frame until no more are taken, and stay so. Returns how many are sent, or on their way. */
async function untilHeldBack(
  check: CheckContext,
  probe: TcpProbe,
  bytes: Uint8Array,
): Promise<number> {
  let sent = 0
  for (let moves = 0; moves < MOVES; moves++) {
    sent += await probe.sendBlocks(bytes, MANY - sent, QUIET_MS)
    if (probe.isClosed) return sent
    if (sent === MANY) {
      check.fail({
        what: `it took ${(MANY * LIMIT) / 2 ** 20} MiB from a client that has not read one answer`,
        likelyCause:
          'what write() returns is ignored: all answers wait in the memory of the program',
      })
    }
    // One more is on its way. One who is held back is held back for as long as nobody reads.
    sent++
    if (await appliesBackPressure(probe)) {
      if ((bytesHeldInMemory(probe) ?? 0) <= MAX_HELD_BYTES) return sent
      check.fail({
        what: 'it did stop reading, but it holds more than 4 MiB in memory for a client that reads nothing',
        likelyCause:
          'a large queue is no back-pressure: stop reading as soon as write() returns false',
      })
    }
  }
  return check.fail({
    what: 'it stopped, and then went on to take frames, again and again; not one answer had been read',
    likelyCause:
      'to wait for some time is no back-pressure: wait until `drain` says that somebody reads',
  })
}
