import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import {
  crowdStep,
  leaveAnswersUnread,
  silenceStep,
  slowReaderStep,
} from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import type { Expectation, TcpProbe } from '#lib/workshop/tcp-probe.ts'
import { BAD_LENGTHS } from './examples.ts'
import {
  limitsHeads,
  readsMethodsAndTargets,
  readsSpacesAndLines,
  readsWholeHeaders,
} from './heads.ts'
import { answer, ask, headOf, request } from './requests.ts'

/** The largest body that may come. */
const LARGEST_BYTES = 1024 * 1024
/** A head without end: far more than any server should keep. */
const ENDLESS_BYTES = 1024 * 1024

/** How many requests come on one connection. */
const MANY = 1500
/** So many answers of 30 kB are more than the client's kernel takes, as long as the client does not read. */
const LONG_ANSWERS = 20
const veryLongTarget = (n: number) => `/${'path/'.repeat(6000)}${n}`
/** So many requests come behind the last one: some are unread when it is answered. */
const BEHIND = 8000
/** How long nothing must move until a server counts as one that has read what it wants to. */
const QUIET_MS = 1000

/** Requests with a body, each with a target of its own. */
const DIALOGUE = {
  request: (n: number) =>
    Buffer.from(request('POST', `/${n}`, ['Content-Length: 7'], 'a\r\n\r\nbc')),
  async expectAnswers(
    check: CheckContext,
    probe: TcpProbe,
    first: number,
    times: number,
    expected: Expectation,
  ) {
    for (let n = first; n < first + times; n++)
      await answer(check, probe, `POST /${n} 7\n`, expected)
  },
}
/** Long targets, so that answers are long as well. */
const longTarget = (n: number) => `/${'path/'.repeat(1600)}${n}`
const LONG_DIALOGUE = {
  request: (n: number) => Buffer.from(request('GET', longTarget(n))),
  async expectAnswers(
    check: CheckContext,
    probe: TcpProbe,
    first: number,
    times: number,
    expected: Expectation,
  ) {
    const targets = Array.from({ length: times }, (_, n) => longTarget(first + n))
    await longAnswers(check, probe, targets, expected)
  },
}

export default exercise({
  id: 'http-keep-alive',
  title: 'An HTTP server that keeps its connections',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1 and speaks HTTP/1.1 (RFC 9112), over plain sockets. Lines end with
CR LF. A request is a request line "METHOD TARGET HTTP/1.1" or "… HTTP/1.0", header lines, an empty line, and then as many
bytes of body as the header Content-Length says, whatever the method; without that header it has none. METHOD is any method
that is registered with IANA, such as DELETE or PROPFIND; HEAD, CONNECT, PRI and "*" do not come. TARGET is "/" and any characters
that RFC 3986 allows in a path and a query. A header line is a name, a colon and a value, which may be empty and may have colons; spaces and
tabs around the value, if there are any, do not belong to it. Case does not matter in the names of headers, nor in the values
of Connection, which are lists of words with commas between them (spaces and tabs around a word do not belong to it, and empty words do not count); several lines of Connection are one list. Content-Length
comes once at most; Transfer-Encoding and Expect do not come. But for a bad Content-Length or a head that is too long, requests are well-formed ASCII.
Each request is answered by a status line that begins with "HTTP/1.1 200", any headers, a Content-Length among them, an
empty line, and a body of one line that ends with LF: "METHOD TARGET LENGTH", with METHOD and TARGET byte for byte as they
came, and LENGTH as the number of bytes in the body of the request, without leading zeros. Requests may come in any pieces, and several at once; they are answered in their order, also when the
client has sent its FIN behind them, and however slowly it reads. A request whose body is not complete then gets no answer, one whose head is not complete none or 400.
After an answer the connection stays open. It ends, with a FIN, after the answer to a request whose Connection header has
the word "close" in its list, also beside "keep-alive", or to an HTTP/1.0 request whose Connection header does not have the word "keep-alive". That
answer has the header "Connection: close", and nothing that comes behind such a request is answered. The answer to an
HTTP/1.0 request that keeps the connection has the header "Connection: keep-alive".
A body has at most 1 MiB, and may have that. A request whose Content-Length is empty, or anything but decimal digits, is
answered with status 400, one whose Content-Length is above 1 MiB with status 400 or 413; then the connection ends, and
nothing behind is answered. The answers to the requests before it come first. The server ends its connections with a FIN, and reads on until the client closes, so that no reset destroys an answer (RFC 9112, section 9.6). A head (all bytes up to the end of its empty
line) has at most 64 KiB, and may have that, in lines of any number and length. One that grows beyond is not kept: the server
ends the connection, with an answer of status 400, 414 or 431 or without one.
A client may be silent for as long as it likes, also in the middle of a request, and may send any number of requests on one
connection. The server serves any number of clients at once; none of them waits because another one is silent, stops in the
middle of a request, or does not read its answers, or does not close after the last one. The server may stop reading from a client that does not read.`,
  section: 'chapters/05-keepalive/README.md#http-keep-alive-is-something-else',
  hints: [
    'Keep what has come in a buffer of bytes. While a complete request stands at its beginning, cut it off and answer it: once, twice, or not at all, whatever the last chunk was.',
    'A request is complete when its empty line is there, and Content-Length bytes behind it. Count bytes and not characters, and look for the header without regard to case.',
    'allowHalfOpen lets you answer after the client’s FIN. You end the connection then: at its FIN, and after the answer that says Connection: close. lib/framing/http1.ts has a decoder, if you would rather think about connections.',
  ],
  steps: [
    {
      title: 'answers a request, and says how long the answer is',
      async run(check) {
        const probe = await check.connect()
        await ask(check, probe, 'GET', `/${check.random.word(6)}`)
      },
    },
    {
      title: 'answers a second and a third request on the same connection',
      async run(check) {
        const probe = await check.connect()
        for (let n = 0; n < 3; n++) {
          await ask(check, probe, 'GET', `/${check.random.word(6)}`, {
            likelyCause: 'it ends the connection after its answer, as in HTTP/1.0',
          })
        }
      },
    },
    {
      title: 'answers requests that come all at once, in their order',
      async run(check) {
        const probe = await check.connect()
        const targets = Array.from({ length: 20 }, () => `/${check.random.word(6)}`)
        probe.send(targets.map(target => request('GET', target)).join(''))
        for (const target of targets) {
          await answer(check, probe, `GET ${target} 0\n`, {
            likelyCause: 'it takes what comes at once for one request: requests may be pipelined',
          })
        }
      },
    },
    {
      title: 'accepts a request that arrives byte by byte',
      async run(check) {
        const probe = await check.connect()
        const other = await check.connect()
        const target = `/${check.random.word(6)}`
        const pieces = [
          `POST ${target} HT`,
          'TP/1.1\r\ncontent-LEN',
          'GTH: 5\r\nHost: a\r\n\r',
          '\nhe',
          'llo',
        ]
        for (const piece of pieces) {
          await probe.sendPieces(check.random.cut(Buffer.from(piece), 1))
          // Two answers there say that the server has had its turn here, too: what is ready at the same
          // time may be read in any order.
          for (let n = 0; n < 2; n++) await ask(check, other, 'GET', '/other')
        }
        await answer(check, probe, `POST ${target} 5\n`, {
          likelyCause: 'a chunk is not a request: what is not complete has to be kept',
        })
        await ask(check, probe, 'GET', '/next')
      },
    },
    {
      title: 'reads a body by its length, whatever is in it',
      async run(check) {
        const probe = await check.connect()
        const inside = Buffer.from(request('GET', '/inside'))
        const body = Buffer.concat([inside, check.random.bytes(200), inside])
        const head = request('POST', '/upload', [`Content-Length: ${body.length}`])
        const next = Buffer.from(request('GET', '/next'))
        probe.send(Buffer.concat([Buffer.from(head), body, next]))
        await answer(check, probe, `POST /upload ${body.length}\n`, {
          likelyCause: 'it does not wait for the bytes that Content-Length announces',
        })
        await answer(check, probe, 'GET /next 0\n', {
          likelyCause:
            'it does not find the end of the body: Content-Length counts bytes, not characters',
        })
        probe.send(request('POST', '/largest', [`Content-Length: ${LARGEST_BYTES}`]))
        probe.send(Buffer.alloc(LARGEST_BYTES, check.random.bytes(1024)))
        await answer(check, probe, `POST /largest ${LARGEST_BYTES}\n`, {
          likelyCause:
            'its limit is too small, or one for heads: a body may have 1 MiB, which is 1,048,576 bytes',
        })
      },
    },
    {
      title: 'ends after Connection: close, and answers nothing after it',
      async run(check) {
        for (const line of ['Connection: close', 'connection: TE, Close']) {
          const probe = await check.connect()
          await ask(check, probe, 'GET', '/first')
          probe.send(request('GET', '/last', [line]) + request('GET', '/behind'))
          await answer(check, probe, 'GET /last 0\n', { connection: 'close' })
          await probe.expectEnd({
            likelyCause: 'it does not look at the Connection header of the request',
            causeOfExcess:
              'what comes behind the request that says Connection: close is not answered',
          })
        }
      },
    },
    {
      title: 'ends after an HTTP/1.0 request, unless it asks to keep the connection',
      async run(check) {
        const kept = await check.connect()
        for (const word of ['keep-alive', 'Keep-Alive']) {
          kept.send(request('GET', '/kept', [`Connection: ${word}`], '', '1.0'))
          await answer(check, kept, 'GET /kept 0\n', { connection: 'keep-alive' })
        }
        kept.send(request('GET', '/old', [], '', '1.0'))
        await answer(check, kept, 'GET /old 0\n', { connection: 'close' })
        await kept.expectEnd({ likelyCause: 'it treats HTTP/1.0 like HTTP/1.1' })
      },
    },
    {
      title: 'answers everything even when the client has sent its FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        probe.send(request('GET', '/one') + request('GET', '/two') + request('GET', '/three'))
        probe.sendFin()
        const likelyCause =
          'at the client’s FIN Node ends our side as well, answers or not, unless allowHalfOpen is true'
        for (const target of ['/one', '/two', '/three']) {
          await answer(check, probe, `GET ${target} 0\n`, { likelyCause })
        }
        await probe.expectEnd({
          likelyCause: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'answers 400 to a length that is not a number, and ends',
      async run(check) {
        for (const length of BAD_LENGTHS) {
          const probe = await check.connect()
          probe.send(request('GET', '/before'))
          const bad = request('POST', '/upload', [`Content-Length: ${length}`], 'hello')
          probe.send(Buffer.from(bad, 'latin1'))
          await answer(check, probe, 'GET /before 0\n', {
            likelyCause: 'the requests before a bad one are answered first',
          })
          const likelyCause =
            length === ''
              ? 'it takes an empty length for 0, as Number() does, or a pattern that needs no digit'
              : 'Number() takes +5, 0x5 and 1e1, parseInt() takes 5x, and `|| 0` takes all: look at the text first'
          const name = `400 to ${JSON.stringify(`Content-Length: ${length}`)}`
          const { head } = await headOf(probe, name, { likelyCause })
          if (!/^HTTP\/1\.1 400\b/.test(head)) {
            check.fail({
              what: `the answer to ${JSON.stringify(`Content-Length: ${length}`)} does not begin with "HTTP/1.1 400"`,
              sent: probe.sent,
              received: Buffer.from(head),
              likelyCause,
            })
          }
          await probe.expectClosed({
            likelyCause:
              'where the next request begins nobody knows now: the connection has to end',
          })
        }
      },
    },
    {
      title: 'does not keep a head that has no end',
      async run(check) {
        const probe = await check.connect()
        const line = `X-More: ${check.random.word(1000)}\r\n`
        const lines = line.repeat(Math.ceil(ENDLESS_BYTES / line.length))
        probe.send(`GET /long HTTP/1.1\r\nHost: a.example\r\n${lines}`)
        await probe.expectClosed({
          likelyCause:
            'what is not complete is kept without a limit, until there is no memory left',
        })
      },
    },
    {
      title: 'serves others while clients stop in the middle, or reset',
      async run(check) {
        const stuck = await check.connect()
        stuck.send('GET /stuck HTTP/1.1\r\nHo')
        const other = async () => ask(check, await check.connect(), 'GET', '/other')
        const half = await check.connect()
        half.send('GET /half HTTP/1.1\r\nHo')
        await other()
        half.reset()
        await survivesResets(check, async () => {
          await other()
          for (let n = 0; n < 5; n++) {
            const probe = await check.connect()
            probe.send(request('GET', '/first').repeat(check.random.between(1, 50)))
            if (n % 2) probe.reset()
            else probe.close()
          }
          await other()
        })
        // They have their last answer and the FIN, and do not close.
        for (let n = 0; n < 5; n++) {
          const last = await check.connect()
          last.send(request('GET', '/last', ['Connection: close']))
          await answer(check, last, 'GET /last 0\n')
          await last.expectEnd()
        }
        await other()
        stuck.send('st: a.example\r\n\r\n')
        await answer(check, stuck, 'GET /stuck 0\n', {
          likelyCause: 'what has come is kept for all connections together, not for each one',
        })
      },
    },
    {
      title: 'accepts headers with few spaces, with many, and in several lines',
      run: readsSpacesAndLines,
    },
    {
      title: 'accepts any method and any target, each with or without a body',
      run: readsMethodsAndTargets,
    },
    {
      title: 'reads each header by its whole name and its whole value',
      run: readsWholeHeaders,
    },
    {
      title: 'accepts a head of 64 KiB, in one line or in many, and no larger one',
      run: limitsHeads,
    },
    {
      title: 'ends with a FIN and loses no answer, even when the client sends more',
      run: losesNoAnswer,
    },
    {
      title: 'reassembles a request that is cut in two, wherever the cut is',
      async run(check) {
        const probe = await check.connect()
        const whole = request('POST', '/cut', ['content-length:\t5 '], '\r\n\r\n!')
        for (let cut = 1; cut < whole.length; cut++) {
          // The first answer tells that the start of the second request has been read as well.
          probe.send(request('GET', '/whole') + whole.slice(0, cut))
          await answer(check, probe, 'GET /whole 0\n')
          probe.send(whole.slice(cut))
          await answer(check, probe, 'POST /cut 5\n', {
            likelyCause:
              'keep the beginning of a request until the rest arrives, wherever it was cut',
          })
        }
      },
    },
    {
      title: 'gives no answer to a request whose body is cut off by the client’s FIN',
      async run(check) {
        for (const body of ['', 'half']) {
          const probe = await check.connect()
          probe.send(
            request('GET', '/whole') + request('POST', '/half', ['Content-Length: 9'], body),
          )
          probe.sendFin()
          await answer(check, probe, 'GET /whole 0\n')
          await probe.expectClosed({
            likelyCause: 'nothing more can arrive, so the connection has to end',
          })
          const rest = await probe.take(unread => unread.length, 'the end')
          if (/^HTTP\/1\.1 200\b/.test(rest.toString('latin1'))) {
            check.fail({ what: 'it answered a request that is not complete', sent: probe.sent })
          }
        }
      },
    },
    {
      title: 'answers many requests on one connection',
      async run(check) {
        const probe = await check.connect()
        const likelyCause = 'it ends the connection after some number of requests'
        for (let n = 0; n < 150; n++) await ask(check, probe, 'GET', `/${n}`, { likelyCause })
        const all = Array.from({ length: MANY - 150 }, (_, n) => `/${n}`)
        probe.send(all.map(target => request('GET', target)).join(''))
        for (const target of all) await answer(check, probe, `GET ${target} 0\n`, { likelyCause })
      },
    },
    {
      title: 'refuses a Content-Length above 1 MiB',
      async run(check) {
        const tooLarge = 'refuse a Content-Length above 1 MiB, and count all its digits'
        for (const length of ['1048577', '4294967301', '18446744073709551621', '9'.repeat(40)]) {
          const probe = await check.connect()
          probe.send(request('POST', '/upload', [`Content-Length: ${length}`], 'hello'))
          const { head } = await headOf(probe, `400 or 413 to a length of ${length}`, {
            likelyCause: tooLarge,
          })
          if (!/^HTTP\/1\.1 4(00|13)\b/.test(head)) {
            check.fail({
              what: `the answer to "Content-Length: ${length}" begins with neither "HTTP/1.1 400" nor "HTTP/1.1 413"`,
              received: Buffer.from(head),
              likelyCause: tooLarge,
            })
          }
          await probe.expectClosed({ likelyCause: tooLarge })
        }
      },
    },
    crowdStep(DIALOGUE),
    slowReaderStep(LONG_DIALOGUE, 8000),
    silenceStep(DIALOGUE, leaveAnswersUnread(LONG_DIALOGUE, 8000)),
  ],
})

/** Waits for long answers. Where the connection ends among them, the place is chance. */
async function longAnswers(
  check: CheckContext,
  probe: TcpProbe,
  targets: readonly string[],
  expected: Expectation,
): Promise<void> {
  try {
    for (const target of targets) await answer(check, probe, `GET ${target} 0\n`, expected)
  } catch (error) {
    if (!(error instanceof CheckFailed) || !probe.hasEnded) throw error
    const fate = (await check.program.hasEnded()) ? `: ${check.program.describeEnd()}` : ''
    check.fail({
      what: `the connection ended before all answers to requests with long targets had come${fate}`,
      ...(expected.likelyCause !== undefined && { likelyCause: expected.likelyCause }),
    })
  }
}

/** Long answers wait, a last request comes, and more behind it. */
async function losesNoAnswer(check: CheckContext): Promise<void> {
  const likelyCause =
    'a connection that is closed with bytes unread is reset, and loses answers on their way: end() it, and read on until the client’s FIN (RFC 9112, section 9.6)'
  for (const [last, status] of [
    [request('POST', '/bad', ['Content-Length: five']), 400],
    [request('POST', '/large', ['Content-Length: 3000000']), 413],
    [request('GET', '/last', ['Connection: close']), 200],
  ] as const) {
    const probe = await check.connect({ reading: false })
    for (let n = 0; n < LONG_ANSWERS; n++) probe.send(request('GET', veryLongTarget(n)))
    probe.send(last + request('GET', '/behind').repeat(BEHIND))
    await waitUntilRead(probe, QUIET_MS)
    probe.startReading()
    const targets = Array.from({ length: LONG_ANSWERS }, (_, n) => veryLongTarget(n))
    await longAnswers(check, probe, targets, { likelyCause })
    if (status === 200)
      await answer(check, probe, 'GET /last 0\n', { likelyCause, connection: 'close' })
    else await refusal(check, probe, status === 400 ? [400] : [400, 413], likelyCause)
    await probe.expectEnd({ likelyCause })
  }
}

/** Waits for an answer with one of these statuses, and for all of it. */
async function refusal(
  check: CheckContext,
  probe: TcpProbe,
  statuses: readonly number[],
  likelyCause: string,
): Promise<void> {
  const name = `with status ${statuses.join(' or ')}`
  const { head, length } = await headOf(probe, name, { likelyCause })
  if (!statuses.some(status => head.startsWith(`HTTP/1.1 ${status}`))) {
    check.fail({
      what: `the answer ${name} has another one`,
      received: Buffer.from(head),
      likelyCause,
    })
  }
  // Without a length it has all that comes until the FIN.
  const whole = (unread: Buffer) => {
    const isWhole = length === undefined ? probe.hasEnded : unread.length >= length
    return isWhole ? (length ?? unread.length) : undefined
  }
  await probe.take(whole, `the body of the answer ${name}`, { likelyCause })
}
