import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
import { CLOSING, INNOCENT, METHODS, TARGETS } from './examples.ts'
import { answer, request } from './requests.ts'

/** All bytes up to the end of the empty line. */
const HEAD_BYTES = 65_536

/** No space behind the colon, many, and one list in several lines. */
export async function readsSpacesAndLines(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  for (const [line, likelyCause] of [
    ['Content-Length:5', 'the colon ends the name of a header: no space has to follow it'],
    ['Content-Length:   5  ', 'spaces around a value do not belong to it: trim them'],
  ] as const) {
    probe.send(request('POST', '/upload', [line], 'hello'))
    await answer(check, probe, 'POST /upload 5\n', { likelyCause })
  }
  for (const words of [
    ['close', 'TE'],
    ['TE', 'close'],
  ]) {
    const last = await check.connect()
    const lines = words.map(word => `Connection: ${word}`)
    last.send(request('GET', '/last', lines))
    const likelyCause =
      'it looks at one line of Connection: there may be several, and they are one list'
    await answer(check, last, 'GET /last 0\n', { connection: 'close', likelyCause })
    await last.expectEnd({ likelyCause })
  }
}

/** Each method, with and without a body; and each target. */
export async function readsMethodsAndTargets(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  for (const method of METHODS) {
    for (const [headers, body] of [
      [[], ''],
      [['Content-Length: 0'], ''],
      [['Content-Length: 5'], 'GET /'],
      [['Content-Length: 00005', 'X-More: 1'], 'a\r\n\r\n'],
      [[`Content-Length: ${'0'.repeat(40)}7`], '7 bytes'],
    ] as const) {
      probe.send(request(method, '/a', headers, body))
      const likelyCause =
        body === '' && headers.length === 0
          ? 'every registered method may come, with any letters and hyphens: the decoder of lib/framing takes those that its option `methods` names'
          : 'Content-Length alone says how long a body is, whatever the method'
      await answer(check, probe, `${method} /a ${body.length}\n`, { likelyCause })
    }
  }
  for (const target of TARGETS) {
    probe.send(request('GET', target))
    const likelyCause =
      'send the target back byte for byte, without decoding, cutting or normalising it'
    await answer(check, probe, `GET ${target} 0\n`, { likelyCause })
  }
}

/** Headers that look like others, and lists of words. */
export async function readsWholeHeaders(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  for (const [header, likelyCause] of INNOCENT) {
    for (const line of [header, header.toLowerCase()]) {
      probe.send(request('GET', '/innocent', [line]) + request('GET', '/next'))
      await answer(check, probe, 'GET /innocent 0\n', { likelyCause })
      await answer(check, probe, 'GET /next 0\n', { likelyCause })
    }
  }
  for (const line of CLOSING) {
    const likelyCause = `${JSON.stringify(line)} has the word close in its list`
    for (const version of ['1.0', '1.1']) await isLast(check, [line], version, likelyCause)
  }
  const keepAlive = 'an HTTP/1.0 connection is kept by the word keep-alive, and by no other'
  for (const line of ['Connection: x-keep-alive', 'Keep-Alive: 5', 'Connection: keep-alive-x']) {
    await isLast(check, [line], '1.0', keepAlive)
  }
  const both = ['Connection: keep-alive', 'Connection: close']
  await isLast(check, both, '1.0', 'close ends the connection, even beside keep-alive')
  for (const line of [
    ...['Connection: TE, Keep-Alive', 'connection:keep-alive', 'Connection: keep-alive\t'],
    ...['Connection: TE,\tkeep-alive\t,x', 'Connection: ,,keep-alive,'],
  ]) {
    probe.send(request('GET', '/old', [line], '', '1.0'))
    await answer(check, probe, 'GET /old 0\n', { connection: 'keep-alive', likelyCause: keepAlive })
  }
}

/** A request after whose answer the connection ends. */
async function isLast(
  check: CheckContext,
  headers: readonly string[],
  version: string,
  likelyCause: string,
): Promise<void> {
  const probe = await check.connect()
  probe.send(request('GET', '/last', headers, '', version) + request('GET', '/behind'))
  await answer(check, probe, 'GET /last 0\n', { connection: 'close', likelyCause })
  await probe.expectEnd({ likelyCause, causeOfExcess: likelyCause })
}

/** Heads of exactly this size: in the target, in one header, in many short ones, in fewer long ones. */
function headsOf(bytes: number, last: readonly string[]): { target: string; lines: string[] }[] {
  const short = Array.from({ length: 600 }, (_, n) => `X-Line-${n}: ${'v'.repeat(90)}`)
  const long = Array.from({ length: 60 }, (_, n) => `X-Line-${n}: ${'v'.repeat(1000)}`)
  const fill = (target: string, lines: string[], padded: (pad: string) => [string, string[]]) => {
    const [emptyTarget, emptyLines] = padded('')
    const used = request('POST', emptyTarget || target, [...emptyLines, ...lines, ...last]).length
    const [filledTarget, filledLines] = padded('p'.repeat(bytes - used))
    return { target: filledTarget || target, lines: [...filledLines, ...lines, ...last] }
  }
  const inHeader = (pad: string): [string, string[]] => ['/long', [`X-Pad: ${pad}`]]
  return [
    fill('/', [], pad => [`/${pad}`, []]),
    fill('/long', [], inHeader),
    fill('/long', short, inHeader),
    fill('/long', long, inHeader),
  ]
}

/** The largest head, and those that are a little larger. */
export async function limitsHeads(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  for (const { target, lines } of headsOf(HEAD_BYTES, ['Content-Length: 5'])) {
    probe.send(request('POST', target, lines, 'hello'))
    const likelyCause =
      'a head may have 64 KiB, which is 65,536 bytes, in lines of any number and length'
    await answer(check, probe, `POST ${target} 5\n`, { likelyCause })
  }
  for (const above of [1, 2, 4, 100]) {
    for (const { target, lines } of headsOf(HEAD_BYTES + above, ['Connection: close'])) {
      await isRefused(check, await check.connect(), request('POST', target, lines), above)
    }
  }
}

async function isRefused(
  check: CheckContext,
  probe: TcpProbe,
  head: string,
  above: number,
): Promise<void> {
  const likelyCause =
    'count all bytes of the head, from its first one to the end of the empty line, before you answer'
  probe.send(head)
  await probe.expectClosed({ likelyCause })
  const rest = probe.peek()
  if (rest.length === 0 || /^HTTP\/1\.1 4(00|14|31)\b/.test(rest.toString('latin1'))) return
  check.fail({
    what: `a head of ${HEAD_BYTES} bytes is the largest one, and one of ${HEAD_BYTES + above} got an answer`,
    received: rest.subarray(0, 64),
    likelyCause,
  })
}
