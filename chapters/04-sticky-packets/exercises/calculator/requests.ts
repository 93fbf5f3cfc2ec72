/** Requests, their answers, and what is often wrong with them. */
import { exactDialogue } from '#lib/workshop/many-clients.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

export const LF = 0x0a
/** Sends requests in one segment, and waits for the answers. */
export async function ask(
  probe: TcpProbe,
  requests: readonly string[],
  answers: readonly string[],
  likelyCause?: string,
): Promise<void> {
  probe.send(requests.map(request => `${request}\n`).join(''))
  await expectAnswers(probe, answers, likelyCause)
}

export const expectAnswers = (probe: TcpProbe, answers: readonly string[], likelyCause?: string) =>
  probe.expect(answers.map(answer => `${answer}\n`).join(''), { likelyCause, endByte: LF })

export const DIALOGUE = exactDialogue(
  n => Buffer.from(`mul -${n + 1} 1000003\n`),
  n => Buffer.from(`ok -${(n + 1) * 1_000_003}\n`),
)
/** The shortest request with a long answer: much of what the server sends is kept in sockets. */
export const SHORT_DIALOGUE = exactDialogue(
  () => Buffer.from('add\n'),
  () => Buffer.from('error wrong number of words\n'),
)

/** The answer to a request of at most 100 bytes, where each byte is a character. */
export function rightAnswer(request: string): string {
  const [command = '', ...words] = request.split(' ')
  const wanted = { add: 2, sub: 2, mul: 2, div: 2, wait: 1, quit: 0 }
  if (!Object.hasOwn(wanted, command)) return 'error unknown command'
  if (words.length !== wanted[command as keyof typeof wanted]) return 'error wrong number of words'
  if (command === 'quit') return 'bye'
  const format = command === 'wait' ? /^[0-9]{1,4}$/ : /^-?[0-9]{1,9}$/
  if (!words.every(word => format.test(word))) return 'error not a number'
  const [a = 0n, b = 0n] = words.map(BigInt)
  if (command === 'div' && b === 0n) return 'error division by zero'
  const results = { add: a + b, sub: a - b, mul: a * b, div: b === 0n ? 0n : a / b, wait: a }
  return `ok ${results[command as keyof typeof results]}`
}

/** Requests with a place for any byte. */
export const PLACES: readonly (readonly [before: string, after: string])[] = [
  ['', 'add 1 2'],
  ['a', 'dd 1 2'],
  ['add', '1 2'],
  ['add', ' 1 2'],
  ['add ', '1 2'],
  ['add 1', ' 2'],
  ['add 1', '1 2'],
  ['add 1', '2'],
  ['add 1 ', '2'],
  ['add 1 2', ''],
  ['wait ', '1'],
  ['wait 1', ''],
  ['quit', ''],
  ['', ''],
]

const WORDS = 'between two words there is exactly one space: more of them are an empty word'
export const LENIENT =
  'parseInt() and Number() take more than the protocol allows: look at the text first'
const CR = 'a CR before the LF is a byte of the last word: lines end with LF alone'

/** Bad requests, their answers, and what is often wrong with them. */
export const BAD: readonly [request: string, error: string, likelyCause: string][] = [
  ['pow 2 3', 'unknown command', 'a bad request gets an answer too'],
  ['add 2', 'wrong number of words', 'nobody counts the words'],
  ['', 'unknown command', 'an empty line is a request as well, and a bad one'],
  ['ADD 1 2', 'unknown command', 'commands are in small letters'],
  [
    'constructor 1 2',
    'unknown command',
    'an object has more names than those you gave it: use a Map, or Object.hasOwn()',
  ],
  ['add 1 2 3', 'wrong number of words', 'what stands behind the second number is ignored'],
  ['add  1 2', 'wrong number of words', WORDS],
  ['add 1 2 ', 'wrong number of words', WORDS],
  ['quit now', 'wrong number of words', '`quit` has one word'],
  ['add 1 two', 'not a number', 'NaN is no result'],
  ['add 1 2x', 'not a number', LENIENT],
  ['add 1e3 2', 'not a number', LENIENT],
  ['add 0x10 1', 'not a number', LENIENT],
  ['add +1 1', 'not a number', LENIENT],
  ['add 1.5 1', 'not a number', LENIENT],
  ['add - 1', 'not a number', LENIENT],
  ['add 1234567890 1', 'not a number', 'a number has nine digits at most'],
  ['wait -1', 'not a number', 'nobody can wait for less than nothing'],
  ['wait 10000', 'not a number', '`wait` takes four digits at most'],
  ['div x 0', 'not a number', 'of two errors the first in the list is the answer'],
  ['div 1 0', 'division by zero', 'Infinity is no result'],
  ['div 0 -0', 'division by zero', '-0 is 0 as well'],
  ['add 1 2\r', 'not a number', CR],
  ['quit\r', 'unknown command', CR],
]
