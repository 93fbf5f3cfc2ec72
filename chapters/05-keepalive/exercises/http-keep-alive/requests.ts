import type { Examiner } from '#lib/workshop/exercise.ts'
import { firstDifference } from '#lib/workshop/failed.ts'
import type { Talk } from '#lib/workshop/talk.ts'

interface Wanted {
  mistake?: string | undefined
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
  at: Examiner,
  talk: Talk,
  method: string,
  target: string,
  wanted: Wanted = {},
): Promise<void> {
  talk.send(request(method, target))
  await answer(at, talk, `${method} ${target} 0\n`, wanted)
}

/** Waits for an answer of status 200 with this body. */
export async function answer(
  at: Examiner,
  talk: Talk,
  line: string,
  { mistake, connection, patienceMs }: Wanted = {},
): Promise<void> {
  const advice = { ...(mistake !== undefined && { mistake }), ...(patienceMs && { patienceMs }) }
  const text = line.trimEnd()
  const name = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  const { head, length, words } = await headOf(talk, name, advice)
  const received = Buffer.from(head)
  if (!/^HTTP\/1\.1 200\b/.test(head)) {
    const what = `the answer ${name} does not begin with "HTTP/1.1 200"`
    at.fail({ what, sent: talk.sent, received, ...advice })
  }
  if (length === undefined) {
    at.fail({
      what: `the answer ${name} does not say how long it is`,
      received,
      mistake:
        'without Content-Length an answer ends with the connection, and none can follow behind it',
    })
  }
  const whole = (unread: Buffer) => (unread.length >= length ? length : undefined)
  const body = await talk.take(whole, `the body of the answer ${name}`, advice)
  const expected = Buffer.from(line)
  if (!body.equals(expected)) {
    at.fail({
      what: 'the body of the answer is not the one that was expected',
      sent: talk.sent,
      expected,
      received: body,
      offset: firstDifference(expected, body),
      ...advice,
    })
  }
  if (connection !== undefined && !words.includes(connection)) {
    at.fail({
      what: `the answer ${name} does not say "Connection: ${connection}"`,
      sent: talk.sent,
      received,
      mistake:
        mistake ??
        (connection === 'close'
          ? 'it does not see that this request is the last one of its connection'
          : 'without that header an HTTP/1.0 client takes the connection for one that ends'),
    })
  }
}

/** Waits for the head of an answer. */
export async function headOf(
  talk: Talk,
  name: string,
  advice: { mistake?: string; patienceMs?: number },
): Promise<{ head: string; length: number | undefined; words: string[] }> {
  const bytes = await talk.take(
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
