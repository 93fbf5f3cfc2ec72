import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import type { TcpSegment } from '#lib/kernel/transport.ts'
import { readWaiting, renderBuffers } from '#lib/pages/buffers-picture.ts'
import { readCaptured } from '#lib/pages/captured-bytes.ts'
import { CONCEPT_PICTURES } from '#lib/pages/concept-pictures.ts'
import { FIRST_MESSAGE } from '#lib/pages/first-message.ts'
import { renderFramings } from '#lib/pages/framings-picture.ts'
import { renderTcpHeader, renderUdpHeader } from '#lib/pages/header-picture.ts'
import { renderLayers } from '#lib/pages/layers-picture.ts'
import { Picture } from '#lib/pages/picture.ts'
import { renderQueues } from '#lib/pages/queues-picture.ts'
import { readRecording } from '#lib/pages/recordings.ts'

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

describe('the picture of a header', () => {
  const recording = readRecording(FIRST_MESSAGE.recording)!
  const segment = readCaptured('01/tcp')
  const datagram = readCaptured('03/echo')

  test('has the fields of the segment, and which flags are set', () => {
    const drawn = renderTcpHeader(segment, recording)
    const { seq, ack } = segment.packet.transport as TcpSegment
    expect(wordsOf(drawn)).toEqual(expect.arrayContaining([`${seq}`, `${ack}`, 'who is who?']))
    const flags = wordsOf(drawn).slice(
      wordsOf(drawn).indexOf('AE'),
      wordsOf(drawn).indexOf('window'),
    )
    expect(flags.join(' ')).toBe('AE 0 CWR 0 ECE 0 URG 0 ACK 1 PSH 1 RST 0 SYN 0 FIN 0')
    expect(wordsOf(drawn)).toContain('64 × 1024 bytes')
  })

  test('is not drawn where the recording has another handshake', () => {
    const others = recording.events.filter(({ lane }) => lane !== 'packet')
    expect(() => renderTcpHeader(segment, { ...recording, events: others })).toThrow(
      'lacks the SYN',
    )
  })

  test('is that of the right protocol', () => {
    expect(wordsOf(renderUdpHeader(datagram))).toEqual(expect.arrayContaining(['13', 'hello']))
    expect(() => renderUdpHeader(segment)).toThrow('not a datagram')
    expect(() => renderTcpHeader(datagram, recording)).toThrow('not a segment')
  })
})

describe('the picture of the buffers', () => {
  test('has bars as long as what waits, and shows the numbers of the page', () => {
    const drawn = renderBuffers({ inNode: 1000, inSendBuffer: 500, inReceiveBuffer: 250 })
    const bars = [...drawn.matchAll(/width="([\d.]+)" height="12" rx="1"/g)].map(
      ([, width]) => width,
    )
    expect(bars).toEqual(['376', '188', '94'])
    const page = readFileSync(join(ROOT, 'chapters/02-tcp-echo/README.md'), 'utf8')
    expect(page).toContain(`waiting ${readWaiting().inNode} in Node`)
  })
})

describe('the picture of the queues', () => {
  test('gives each client its place: in the accept queue, or outside', () => {
    const words = wordsOf(renderQueues({ backlog: 2, established: 3, synSent: 1 }))
    expect(words.filter(word => word === 'ESTABLISHED')).toHaveLength(3)
    expect(words.filter(word => word === 'SYN-SENT')).toHaveLength(1)
    expect(words.filter(word => word === '#3')).toHaveLength(2)
    expect(words.filter(word => word === '#4')).toHaveLength(1)
    expect(words).toContain('full: backlog + 1 = 3 places')
  })
})

describe('the picture of the framings', () => {
  test('has the bytes of all eight codecs, and whose they are', () => {
    const drawn = renderFramings()
    expect(drawn.match(/<desc>(.*)<\/desc>/)?.[1]?.match(/, \d+ bytes[;.]/g)).toHaveLength(8)
    const row = (name: string, next: string) =>
      drawn.slice(drawn.indexOf(`>${name}<`), drawn.indexOf(`>${next}<`))
    const cells = row('a netstring', 'HTTP/1.1, a response').matchAll(
      /<rect class="s-(\w+)"[^>]*>\n<text[^>]*>([\da-f]{2})</g,
    )
    const bytes = [...cells].map(([, whose, hex]) => `${hex}${whose === 'asking' ? '' : '!'}`)
    expect(bytes.join(' ')).toBe('35 3a 68! 65! 6c! 6c! 6f! 2c 32 3a 6f! 6b! 2c')
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
