/** Messages that get no answer. */
import { questionBytes, u16, wireName } from './messages.ts'
import { ROSE } from './names.ts'

const IN_FULL =
  'the length of each field is checked against the end of the datagram before it is read'
const POINTER = 'a length byte over 63 is no length: taken for a pointer, it leads in circles'

const POINTED = 'a length byte over 63 is no length, and a pointer in a question is not followed'

/** What is not to be answered, and what it means when it is. */
export function notQuestions(id: number): [bytes: Buffer, likelyCause: string][] {
  const whole = questionBytes({ id, name: ROSE })
  const behindHeader = (...parts: Uint8Array[]) =>
    Buffer.concat([u16(id, 0x0100, 1, 0, 0, 0), ...parts])
  const label = (length: number) => Buffer.concat([Buffer.of(length), Buffer.alloc(length, 'x')])
  const count = (n: number) => Buffer.concat([u16(id, 0x0100, n, 0, 0, 0), whole.subarray(12)])
  return [
    [Buffer.alloc(0), IN_FULL],
    [whole.subarray(0, 11), IN_FULL],
    [whole.subarray(0, 12), IN_FULL],
    [whole.subarray(0, 20), IN_FULL],
    [whole.subarray(0, whole.length - 5), IN_FULL],
    [whole.subarray(0, whole.length - 1), IN_FULL],
    [
      Buffer.concat([u16(id, 0x8500, 1, 0, 0, 0), whole.subarray(12)]),
      'QR is 1, so it is an answer: two servers that answer answers never end',
    ],
    ...[0, 2, 0x0101, 0x0100, 0xff01, 0xffff].map((n): [Buffer, string] => [
      count(n),
      'QDCOUNT has two bytes, and a message is answered only when it is 1',
    ]),
    [Buffer.concat([count(2), whole.subarray(12)]), 'a message with two questions gets no answer'],
    [behindHeader(Buffer.of(0x40), Buffer.alloc(64, 'x'), Buffer.of(0), u16(1, 1)), POINTER],
    [behindHeader(Buffer.of(0x80, 0x0c), u16(1, 1)), POINTER],
    [behindHeader(Buffer.of(0xff, 0xff), u16(1, 1)), POINTER],
    [behindHeader(Buffer.alloc(500, '\x01x')), 'a name has at most 255 bytes, and ends with 0'],
    [Buffer.alloc(512, 0xff), 'QR is 1, so it is an answer'],
    [behindHeader(Buffer.alloc(1400, 0x3f)), 'a name has at most 255 bytes, and ends with 0'],
    [behindHeader(Buffer.alloc(60_000, '\x01x')), 'a name has at most 255 bytes, and ends with 0'],
    [behindHeader(u16(0xc00c, 1, 1)), POINTER],
    [behindHeader(Buffer.from('\x04rose'), u16(0xc00c, 1, 1)), POINTER],
    // The pointer leads to a name of the zone, behind the question.
    ...[0xc012, 0x8012, 0x4012].map((pointer): [Buffer, string] => [
      behindHeader(u16(pointer, 1, 1), wireName(ROSE)),
      POINTED,
    ]),
    [behindHeader(Buffer.from('\x04rose'), u16(0xc017, 1, 1), wireName(ROSE.slice(1))), POINTED],
    [behindHeader(wireName(ROSE).subarray(0, 12), u16(0xc01e, 1, 1), wireName(['test'])), POINTED],
    [behindHeader(label(64), Buffer.of(0), u16(1, 1)), 'a label has at most 63 bytes'],
    [
      behindHeader(...[63, 63, 63, 62].map(label), Buffer.of(0), u16(1, 1)),
      'a name has at most 255 bytes, with its lengths and the 0 at its end',
    ],
  ]
}
