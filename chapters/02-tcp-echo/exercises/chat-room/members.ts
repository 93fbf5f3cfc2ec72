import type { Examiner } from '#lib/workshop/exercise.ts'
import { firstDifference } from '#lib/workshop/failed.ts'
import type { Talk } from '#lib/workshop/talk.ts'

/** A line has at most so many bytes before its newline. */
export const MAX_LINE_BYTES = 8192

/** A member is one who has been welcomed: from then on, all lines come. */
export async function join(at: Examiner): Promise<Talk> {
  const member = await at.connect()
  await member.expect('welcome\n', { mistake: 'a client is told `welcome` as soon as it connects' })
  return member
}

/** The next line that a member gets must be this one. */
export async function hears(at: Examiner, member: Talk, line: string | Buffer, mistake?: string) {
  const expected = Buffer.from(line)
  const received = await member.take(
    bytes => (bytes.includes(0x0a) ? bytes.indexOf(0x0a) + 1 : undefined),
    `the line ${JSON.stringify(expected.toString().slice(0, 40))}`,
    { mistake },
  )
  if (received.equals(expected)) return
  at.fail({
    what: 'the line that came is not the one that was expected',
    expected,
    received,
    offset: firstDifference(expected, received),
    ...(mistake !== undefined && { mistake }),
  })
}
