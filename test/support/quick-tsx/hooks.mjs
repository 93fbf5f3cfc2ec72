import { existsSync, readFileSync } from 'node:fs'

// This file is kit/node_modules/tsx/hooks.mjs, and compiled/ lies beside kit/.
const KIT = new URL('../../', import.meta.url).href
const COMPILED = new URL('../compiled/', KIT).href

const isOurs = url => url?.startsWith(KIT) && url.endsWith('.ts')

/** What is compiled imports `./x.js`, and means `./x.ts`. */
export function resolve(specifier, context, next) {
  const meant = isOurs(context.parentURL) ? specifier.replace(/^(\..*)\.js$/, '$1.ts') : specifier
  return next(meant, context)
}

export function load(url, context, next) {
  if (!isOurs(url)) return next(url, context)
  const compiled = new URL(url.slice(KIT.length).replace(/\.ts$/, '.js'), COMPILED)
  // What a test has written into the kit is JavaScript already.
  const file = existsSync(compiled) ? compiled : new URL(url)
  return { format: 'module', source: readFileSync(file, 'utf8'), shortCircuit: true }
}
