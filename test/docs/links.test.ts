import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import GithubSlugger from 'github-slugger'
import { describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { documents } from './documents.ts'

function anchorsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
  const slugger = new GithubSlugger()
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugger.slug(heading))
}

describe('links between documents', () => {
  for (const { name, text } of documents) {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
    for (const target of new Set(links.filter(link => !/^https?:/.test(link)))) {
      test(`${name} links to ${target}, which exists`, () => {
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? join(ROOT, name) : join(ROOT, dirname(name), path)
        expect(existsSync(file), `${target} does not exist`).toBe(true)
        if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor)
      })
    }
  }
})
