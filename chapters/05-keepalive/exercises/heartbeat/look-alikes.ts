/** Lines that look like a ping with this number, and are none: the bytes before their LF. */
export function lookAlikes(n: number): Buffer[] {
  return [
    ...[`pings ${n}`, `ping ${n} 6`, `ping ${n}x`, `ping x${n}`, 'ping', 'ping ', `ping${n}`],
    ...[`PING ${n}`, `Ping ${n}`, `please ping ${n}`, `pong ping ${n}`, `ping ${n} ping ${n}`],
    // Spaces: two, or in the wrong place, or of another kind.
    ...[`ping  ${n}`, ` ping ${n}`, `ping ${n} `, `ping\t${n}`, `\tping ${n}`, `ping ${n}\t`],
    ...[`ping\u00a0${n}`, `ping ${n}\u00a0`, `ping ${n}\v`, `\fping ${n}`, `ping \r${n}`],
    // Numbers of other kinds.
    ...[`ping +${n}`, `ping -${n}`, `ping ${n}.0`, `ping ${n}e1`, `ping 0x${n}`, `ping 1_${n}`],
    ...['ping ٣', 'ping ５', 'ping ²', `ping ${n},0`, `ping ${n}n`, `ping "${n}"`],
    // More digits than 18.
    ...[`ping 100000000000000${n}`, `ping ${'0'.repeat(26)}${n}`, `ping ${'9'.repeat(40)}`],
    // Only LF ends a line: other characters that end one elsewhere do not.
    ...['\r', '\v', '\f', '\x1c', '\x85', '\u2028', '\u2029'].map(end => `news${end}ping ${n}`),
    ...['\v', '\f', '\x1c', '\u2028'].map(end => `ping ${n}${end}news`),
    // Bytes that some languages drop, or take for the end of a text.
    ...[`\ufeffping ${n}`, `\0ping ${n}`, `ping ${n}\0`, `ping ${n}\0news`, `ping \0${n}`],
    ...[`ping ${n}\x7f`, `\x08ping ${n}`].map(text => Buffer.from(text)),
    // No UTF-8.
    ...[`ping ${n}\xff`, `\xffping ${n}`, `news\x85ping ${n}`, 'ping \xb2', `ping\xa0${n}`].map(
      text => Buffer.from(text, 'latin1'),
    ),
  ].map(line => Buffer.from(line))
}

/** Usual sizes of a buffer for a line. */
const SIZES = [32, 64, 80, 100, 128, 255, 256, 512, 1000, 1024, 2048, 4096, 8192, 16384, 65536]

/** Long lines whose end is a ping for a program that cuts them where its buffer ends. */
export const longLines = (n: number): Buffer[] =>
  SIZES.flatMap(size => [size - 1, size]).map(length =>
    Buffer.from(`${'x'.repeat(length)}ping ${n}`),
  )
