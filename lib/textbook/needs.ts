import { withCommand } from '../kernel/privileges.ts'
import { type Requirement, shortfall } from '../kernel/requirements.ts'

/** What is missing here of what an experiment or a claim needs, each reason once, in short. */
export function whatIsMissing(needs: readonly Requirement[]): string[] {
  const reasons = needs.flatMap(need => shortfall(need)?.needs ?? [])
  return [...new Set(reasons)].map(reason => withCommand(reason, 'npm run textbook'))
}
