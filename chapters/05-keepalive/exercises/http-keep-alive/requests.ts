import { firstDifference } from '#lib/workshop/bytes.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

interface Wanted {
  likelyCause?: string | undefined
  patienceMs?: number | undefined
  /** The word that the Connection header must have. */
  connection?: 'close' | 'keep-alive'
}

export function request(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body = '',
  version = '1.1',
): string {
  const lines = [`${method} ${target} HTTP/${version}`, 'Host: a.example', ...headers, '', body]
  return lines.join('\r\n')
}

export async function ask(
  check: CheckContext,
  probe: TcpProbe,
  method: string,
  target: string,
  wanted: Wanted = {},
): Promise<void> {
  probe.send(request(method, target))
  await answer(check, probe, `${method} ${target} 0\n`, wanted)
}

/** Waits for an answer of status 200 with this body. */
export async function answer(
  check: CheckContext,
  probe: TcpProbe,
  line: string,
  { likelyCause, connection, patienceMs }: Wanted = {},
): Promise<void> {
  const advice = {
    ...(likelyCause !== undefined && { likelyCause }),
    ...(patienceMs && { patienceMs }),
  }
  const text = line.trimEnd()
  const name = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  const { head, length, words } = await headOf(probe, name, advice)
  const received = Buffer.from(head)
  if (!/^HTTP\/1\.1 200\b/.test(head)) {
    const what = `the answer ${name} does not begin with "HTTP/1.1 200"`
    check.fail({ what, sent: probe.sent, received, ...advice })
  }
  if (length === undefined) {
    check.fail({
      what: `the answer ${name} does not say how long it is`,
      received,
      likelyCause:
        'without Content-Length an answer ends with the connection, and none can follow behind it',
    })
  }
  const whole = (unread: Buffer) => (unread.length >= length ? length : undefined)
  const body = await probe.take(whole, `the body of the answer ${name}`, advice)
  const expected = Buffer.from(line)
  if (!body.equals(expected)) {
    check.fail({
      what: 'the body of the answer is not the one that was expected',
      sent: probe.sent,
      expected,
      received: body,
      offset: firstDifference(expected, body),
      ...advice,
    })
  }
  if (connection !== undefined && !words.includes(connection)) {
    check.fail({
      what: `the answer ${name} does not say "Connection: ${connection}"`,
      sent: probe.sent,
      received,
      likelyCause:
        likelyCause ??
        (connection === 'close'
          ? 'it does not see that this request is the last one of its connection'
          : 'without that header an HTTP/1.0 client takes the connection for one that ends'),
    })
  }
}

/** Waits for the head of an answer. */
export async function headOf(
  probe: TcpProbe,
  name: string,
  advice: { likelyCause?: string; patienceMs?: number },
): Promise<{ head: string; length: number | undefined; words: string[] }> {
  const bytes = await probe.take(
    unread => {
      const end = unread.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    },
    `the head of the answer ${name}`,
    advice,
  )
  const head = bytes.toString('latin1')
  const [, length] = /^content-length:[ \t]*(\d+)[ \t]*\r$/im.exec(head) ?? []
  const [, connection = ''] = /^connection:(.*)\r$/im.exec(head) ?? []
  const words = connection
    .toLowerCase()
    .split(',')
    .map(word => word.trim())
  return { head, length: length === undefined ? undefined : Number(length), words }
}
