import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { readCaptured } from '#lib/pages/captured-bytes.ts'
import { CONCEPT_PICTURES } from '#lib/pages/concept-pictures.ts'
import { renderLayers } from '#lib/pages/layers-picture.ts'
import { Picture } from '#lib/pages/picture.ts'

const wordsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, word]) => word)

describe.each(CONCEPT_PICTURES)('$file', ({ file, draw }) => {
  const drawn = draw()

  test('is up to date (npm run docs:sync)', () => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toBe(drawn)
  })

  test('stands in the README beside it, with words for those who do not see it', () => {
    const readme = readFileSync(join(ROOT, dirname(file), 'README.md'), 'utf8')
    expect(readme).toMatch(new RegExp(`!\\[[^\\]]{20,}\\]\\(${basename(file)}\\)`))
    expect(drawn).toMatch(/<title>.{10,}<\/title>\n<desc>.{40,}<\/desc>/)
  })

  test('has every colour in a light and a dark scheme', () => {
    const [light = '', dark = ''] = drawn.split('@media (prefers-color-scheme: dark)')
    const FORM = new Set(['head', 'small', 'tiny', 'arrow', 'thin', 'dashed'])
    const classes = [...drawn.matchAll(/class="([^"]+)"/g)].flatMap(([, names = '']) =>
      names.split(' '),
    )
    for (const name of new Set(classes)) {
      if (FORM.has(name)) continue
      expect(light, name).toContain(`.${name} {`)
      expect(dark, name).toContain(`.${name} {`)
    }
  })
})

describe('the picture of the layers', () => {
  const segment = readCaptured('01/tcp')

  test('has every byte of the segment, and what its headers say', () => {
    const words = wordsOf(renderLayers(segment))
    const hex = [...segment.bytes].map(byte => byte.toString(16).padStart(2, '0'))
    expect(words.filter(word => /^[\da-f]{2}$/.test(word ?? ''))).toEqual(hex)
    expect(words).toContain('From the address 127.0.0.1 to 127.0.0.1.')
    expect(words).toContain('"who is who?", as the program wrote it.')
  })

  test('shows the segment of the first picture', () => {
    const first = wordsOf(
      readFileSync(join(ROOT, 'chapters/01-socket/first-message.svg'), 'utf8'),
    ).find(word => /^\d+ → \d+$/.test(word ?? ''))
    const [from, to] = first!.split(' → ')
    expect(wordsOf(renderLayers(segment))).toContain(`From port ${from} to port ${to}.`)
  })

  test('is not drawn from a datagram', () => {
    expect(() => renderLayers(readCaptured('03/echo'))).toThrow('is not TCP over IPv4')
  })
})

describe('a picture', () => {
  const picture = () => new Picture('A title', 'A description')

  test('is not drawn with words that do not fit', () => {
    expect(() => picture().text('ink', 16, 20, 'words '.repeat(20))).toThrow('does not fit')
    expect(() => picture().text('ink', 16, 20, 'some words', { room: 40 })).toThrow('does not fit')
    expect(() => picture().text('ink', 16, 20, 'words', { anchor: 'end' })).toThrow('does not fit')
  })

  test('is not drawn with words upon each other', () => {
    const crowded = picture()
    crowded.text('ink', 16, 20, 'some words')
    crowded.text('ink', 60, 24, 'others')
    expect(() => crowded.render(100)).toThrow('"some words" and "others" overlap')
  })

  test('is not higher than a screen, nor lower than its words', () => {
    const low = picture()
    low.text('ink', 16, 99, 'words')
    expect(() => low.render(100)).toThrow('"words" is below the picture')
    expect(() => low.render(800)).toThrow('"A title" is 909 pixels high')
    expect(low.render(103)).toContain('viewBox="0 0 440 103"')
  })
})
