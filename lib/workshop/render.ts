import { wrapAnsi } from 'fast-wrap-ansi'
import { plural } from '#lib/program/plural.ts'
import type { Exercise } from './exercise.ts'
import type { Failure } from './failure.ts'
import type { CheckResult, StepResult } from './run-check.ts'

/** So many lines are shown around a difference. */
const AROUND = 2
/** A result as JSON has no more bytes than this of each kind, unless the difference lies behind. */
const JSON_BYTES = 4096

/** A width that cuts no sentence. */
const WIDE = Number.POSITIVE_INFINITY

/** How a check went, as text: the steps in order, then what happened, then bytes, then advice. */
export function renderCheck(result: CheckResult, exercise: Exercise, columns = WIDE): string {
  const steps = result.steps.map(step => renderStep(step, columns))
  return [...steps, renderOutcome(result, exercise, columns)].join('\n')
}

/** `?` marks a step that has neither passed nor failed. */
export const renderStep = ({ title, passed, inconclusive }: StepResult, columns = WIDE): string =>
  wrapped(title, columns, `  ${passed ? '✓' : inconclusive === undefined ? '✗' : '?'} `)

/** Text in lines of so many columns at most, between words; what stands before it stays free below. */
export function wrapped(text: string, columns: number, before = ''): string {
  const width = Math.max(20, columns - before.length)
  if (before.length + text.length <= columns) return before + text
  return before + wrapAnsi(text, width).replaceAll('\n', `\n${' '.repeat(before.length)}`)
}

/** What follows the steps. */
export function renderOutcome(result: CheckResult, exercise: Exercise, columns = WIDE): string {
  const { failure, inconclusive = [] } = result
  if (failure) return ['', ...renderFailure(failure, exercise.section, columns)].join('\n')
  if (inconclusive.length === 0) return `\n${exercise.id}: passed`
  const lines = inconclusive.map(({ step, what }) => wrapped(`${step}: ${what}.`, columns, '  '))
  const verdict = `${exercise.id}: inconclusive. Nothing wrong was found, but this machine was too busy to judge`
  return ['', wrapped(`${verdict} ${plural(lines.length, 'step')}:`, columns), ...lines]
    .concat(wrapped('Check again when less is running beside it.', columns))
    .join('\n')
}

/** What happened, the bytes, the likely cause, where to read, and what the program printed. */
function renderFailure(failure: Failure, section: string, columns = WIDE): string[] {
  const { what, sent, expected, received, offset, likelyCause, output } = failure
  const lines = [wrapped(`What happened: ${what}.`, columns)]
  // What was sent last is what the answer is about.
  if (sent !== undefined) lines.push(...block('sent', sent, columns, sent.length - 1))
  if (expected !== undefined) lines.push(...block('expected', expected, columns, offset))
  if (received !== undefined) lines.push(...block('received', received, columns, offset))
  if (offset !== undefined && expected && received)
    lines.push(`  the first difference is at byte ${offset}`)
  if (likelyCause !== undefined)
    lines.push('', wrapped(`A likely mistake: ${likelyCause}.`, columns))
  lines.push(wrapped(`To read: ${section}`, columns))
  if (output) lines.push('', 'The program printed:', output.replaceAll(/^/gm, '  '))
  return lines
}

/** Bytes in hex and as text, around a place where there are many. */
function block(name: string, bytes: Uint8Array, columns: number, offset = 0): string[] {
  if (bytes.length === 0) return [`  ${name}: nothing`]
  // A line has an offset, and four columns for each byte.
  const perLine = [16, 8].find(n => 13 + 4 * n <= columns) ?? 4
  const last = Math.ceil(bytes.length / perLine) - 1
  const middle = Math.min(Math.floor(offset / perLine), last)
  const from = Math.max(0, Math.min(middle, last - AROUND) - AROUND)
  const to = Math.min(last, from + 2 * AROUND)
  const rows = Array.from({ length: to - from + 1 }, (_, at) =>
    row(bytes, (from + at) * perLine, perLine),
  )
  const behind = bytes.length - (to + 1) * perLine
  return [
    `  ${name}: ${plural(bytes.length, 'byte')}`,
    ...(from > 0 ? [`    … ${plural(from * perLine, 'byte')} before`] : []),
    ...rows,
    ...(behind > 0 ? [`    … ${plural(behind, 'byte')} more`] : []),
  ]
}

function row(bytes: Uint8Array, start: number, perLine: number): string {
  const part = bytes.subarray(start, start + perLine)
  const hex = Array.from(part, byte => byte.toString(16).padStart(2, '0')).join(' ')
  const text = Array.from(part, byte =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('')
  const digits = Math.max(6, String(bytes.length).length)
  return `    ${String(start).padStart(digits)}  ${hex.padEnd(perLine * 3 - 1)}  ${text}`
}

/**
 * The result as JSON has it: bytes in hex. Of many bytes that were sent it has the last ones, of what
 * was expected and received the first ones, up to a little behind the difference.
 */
export function resultAsJson(result: CheckResult): unknown {
  const { failure, ...rest } = result
  if (!failure) return rest
  const { what, sent, expected, received, offset = 0, likelyCause, output } = failure
  const hex = (bytes: Uint8Array | undefined, from = 0) =>
    bytes === undefined ? undefined : Buffer.from(bytes.subarray(from)).toString('hex')
  const end = Math.max(JSON_BYTES, offset + 64)
  return {
    ...rest,
    failure: {
      what,
      sent: hex(sent, -JSON_BYTES),
      expected: hex(expected?.subarray(0, end)),
      received: hex(received?.subarray(0, end)),
      offset: failure.offset,
      likelyCause,
      output,
    },
  }
}
