import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { FIRST_MESSAGE, renderFirstMessage } from '#lib/pages/first-message.ts'
import { readRecording } from '#lib/pages/recordings.ts'
import type { Recording } from '#lib/trace/recording.ts'

const recording = readRecording(FIRST_MESSAGE.recording)!
const drawn = renderFirstMessage(recording)
const wordsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, word]) => word)

test(`${FIRST_MESSAGE.picture} is drawn from the recording (npm run docs:sync)`, () => {
  expect(readFileSync(join(ROOT, FIRST_MESSAGE.picture), 'utf8')).toBe(drawn)
})

test('the README of chapter 01 names a port that the picture shows', () => {
  const readme = readFileSync(join(ROOT, 'chapters/01-socket/README.md'), 'utf8')
  const [, address = 'none'] = /meant, as in `([\d.:]+)`/.exec(readme) ?? []
  expect(wordsOf(drawn), 'correct the address in the README').toContain(`socket ${address}`)
})

describe('the picture of the first message', () => {
  test('follows the client’s bytes from call to event', () => {
    const steps = [
      /^write\(11 bytes "who is who\?"\)$/,
      /^write\(\d+, "who is who\?", 11\)$/,
      /^\d+ → \d+$/,
      /^payload, 11 bytes$/,
      /^who is who\?$/,
      /^read\(\d+, "who is who\?", 65536\) = 11$/,
      /^data 11 bytes "who is who\?"$/,
    ]
    for (const step of steps) expect(wordsOf(drawn)).toContainEqual(expect.stringMatching(step))
  })

  test('has every colour in a light and a dark scheme', () => {
    const [light = '', dark = ''] = drawn.split('@media (prefers-color-scheme: dark)')
    const classes = [...drawn.matchAll(/class="([^"]+)"/g)].flatMap(([, names = '']) =>
      names.split(' '),
    )
    for (const name of new Set(classes)) {
      // Classes of form (a font, a width) are the same in both schemes.
      if (['head', 'small', 'label', 'arrow', 'thin'].includes(name)) continue
      expect(light, name).toContain(`.${name} {`)
      expect(dark, name).toContain(`.${name} {`)
    }
  })

  test('is not drawn from a recording that lacks a step', () => {
    const without = (drop: (event: Recording['events'][number]) => boolean) => () =>
      renderFirstMessage({ ...recording, events: recording.events.filter(each => !drop(each)) })
    expect(without(({ lane }) => lane === 'packet')).toThrow(
      'the recording of 01/tcp lacks: segment; record it again',
    )
    expect(without(({ lane }) => lane === 'syscall')).toThrow('lacks: write, read;')
  })

  test('is not drawn with words that do not fit', () => {
    const long = recording.events.map(event =>
      event.lane === 'js' && event.event === 'write()'
        ? { ...event, text: 'write(many bytes) '.repeat(4) }
        : event,
    )
    expect(() => renderFirstMessage({ ...recording, events: long })).toThrow('does not fit')
  })
})
