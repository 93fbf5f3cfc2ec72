import { firstDifference } from '#lib/workshop/bytes.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

/** A line has at most so many bytes before its newline. */
export const MAX_LINE_BYTES = 8192

/** A member is one who has been welcomed: from then on, all lines come. */
export async function join(check: CheckContext): Promise<TcpProbe> {
  const member = await check.connect()
  await member.expect('welcome\n', {
    likelyCause: 'a client is told `welcome` as soon as it connects',
  })
  return member
}

/** The next line that a member gets must be this one. */
export async function hears(
  check: CheckContext,
  member: TcpProbe,
  line: string | Buffer,
  likelyCause?: string,
) {
  const expected = Buffer.from(line)
  const received = await member.take(
    bytes => (bytes.includes(0x0a) ? bytes.indexOf(0x0a) + 1 : undefined),
    `the line ${JSON.stringify(expected.toString().slice(0, 40))}`,
    { likelyCause },
  )
  if (received.equals(expected)) return
  check.fail({
    what: 'the line that came is not the one that was expected',
    expected,
    received,
    offset: firstDifference(expected, received),
    ...(likelyCause !== undefined && { likelyCause }),
  })
}
