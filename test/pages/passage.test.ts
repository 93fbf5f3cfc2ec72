import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { entriesOf, entryOf, loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { lastWords } from '#lib/cli/last-words.ts'
import { passageOf } from '#lib/pages/passage.ts'
import { event } from '../trace/events.ts'

const chapters = await loadChapters()
const entries = entriesOf(chapters)
const style = { columns: 100, color: false }

test('every example has a section in its chapter that shows a run of it', () => {
  for (const entry of entries) {
    const passage = passageOf(entry)
    expect(passage, entry.id).toBeDefined()
    expect(existsSync(join(ROOT, passage!.file))).toBe(true)
  }
  expect(passageOf(entryOf(chapters, '01/three-sockets'))?.heading).toBe('A socket is a file')
})

describe('what stands below a run', () => {
  const endOf = (id: string, columns = 100) =>
    lastWords(entryOf(chapters, id), chapters, [], { ...style, columns })
      .split('\n\n')
      .at(-1)

  test('names the section that explains it, and the next example', () => {
    expect(endOf('01/three-sockets')).toMatch(
      /^explained in chapters\/01-socket\/README\.md, “A socket is a file”; next: npm start \d\d\//,
    )
    const { id: last } = entries.at(-1)!
    expect(endOf(last)).toMatch(/next: npm run workshop$/)
    entries.slice(0, -1).forEach(({ id }, index) => {
      expect(endOf(id)).toMatch(new RegExp(`next: npm start ${entries[index + 1]!.id}$`))
    })
  })

  test('has what comes next on a line of its own where there is no room', () => {
    const lines = endOf('01/three-sockets', 40)!.split('\n')
    expect(lines.at(-1)).toMatch(/^next: npm start/)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(40)
  })

  test('repeats what the client printed, and nothing else', () => {
    const printed = (end: 'client' | 'server', text: string) => ({
      ...event(end, 1, text),
      event: 'print',
    })
    const events = [printed('server', 'of the server'), event('client', 2, 'an event')]
    const below = (id: string, ...more: typeof events) =>
      lastWords(entryOf(chapters, id), chapters, [...events, ...more], style)
    expect(below('02/echo')).not.toContain('printed')
    expect(below('02/echo', printed('client', 'hello'))).toContain(
      'The client printed:\n  hello\n\n',
    )
    expect(below('02/chat', printed('client', 'hi'))).toContain('The demo printed:\n  hi\n\n')
    expect(below('02/echo', printed('client', 'hi'))).not.toContain('of the server')
  })
})
