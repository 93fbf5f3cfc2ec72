import type { Exercise, Failure } from './exercise.ts'
import type { CheckResult } from './run-check.ts'

/** So many bytes are shown on a line, and so many lines around a difference. */
const PER_LINE = 16
const AROUND = 2

/** How a check went, as text: the steps in order, then what happened, then bytes, then advice. */
export function renderCheck(result: CheckResult, exercise: Exercise): string {
  const lines = result.steps.map(({ title, passed }) => `  ${passed ? '✓' : '✗'} ${title}`)
  if (!result.failure) return [...lines, '', `${exercise.id}: passed`].join('\n')
  return [...lines, '', ...renderFailure(result.failure, exercise.section)].join('\n')
}

/** What happened, the bytes, the likely mistake, and where to read. */
export function renderFailure(failure: Failure, section: string): string[] {
  const { what, sent, expected, received, offset, mistake } = failure
  const lines = [`What happened: ${what}.`]
  if (sent !== undefined) lines.push(...block('sent', sent))
  if (expected !== undefined) lines.push(...block('expected', expected, offset))
  if (received !== undefined) lines.push(...block('received', received, offset))
  if (offset !== undefined && expected && received)
    lines.push(`  the first difference is at byte ${offset}`)
  if (mistake !== undefined) lines.push('', `A likely mistake: ${mistake}.`)
  lines.push(`To read: ${section}`)
  return lines
}

/** Bytes in hex and as text, around a place where there are many. */
function block(name: string, bytes: Uint8Array, offset?: number): string[] {
  const size = `${bytes.length} byte${bytes.length === 1 ? '' : 's'}`
  if (bytes.length === 0) return [`  ${name}: nothing`]
  const last = Math.ceil(bytes.length / PER_LINE) - 1
  const middle = Math.min(Math.floor((offset ?? 0) / PER_LINE), last)
  const from = Math.max(0, middle - AROUND)
  const to = Math.min(last, middle + AROUND)
  const rows = Array.from({ length: to - from + 1 }, (_, at) => row(bytes, (from + at) * PER_LINE))
  return [
    `  ${name}: ${size}`,
    ...(from > 0 ? [`    … ${from * PER_LINE} bytes before`] : []),
    ...rows,
    ...(to < last ? [`    … ${bytes.length - (to + 1) * PER_LINE} bytes more`] : []),
  ]
}

function row(bytes: Uint8Array, start: number): string {
  const part = bytes.subarray(start, start + PER_LINE)
  const hex = Array.from(part, byte => byte.toString(16).padStart(2, '0')).join(' ')
  const text = Array.from(part, byte =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('')
  return `    ${String(start).padStart(6)}  ${hex.padEnd(PER_LINE * 3 - 1)}  ${text}`
}

/** The result as JSON has it: bytes in hex. */
export function resultAsJson(result: CheckResult): unknown {
  const { failure, ...rest } = result
  if (!failure) return rest
  const hex = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')
  const { what, sent, expected, received, offset, mistake } = failure
  return {
    ...rest,
    failure: {
      what,
      sent: hex(sent),
      expected: hex(expected),
      received: hex(received),
      offset,
      hint: mistake,
    },
  }
}
