import { K3osError } from "../../errors.ts";
import { type Answer, BACK, type Question } from "../terminal/question.ts";
import type { Answers } from "./answers.ts";
import type { QuestionStep, Situation } from "./questions.ts";

/**
 * Asks one question after the other. The answers so far determine the next one. Going back discards the previous answer
 * and everything after it.
 */
export async function interview(
  steps: readonly QuestionStep[],
  situation: Situation,
  ask: (question: Question) => Promise<Answer | typeof BACK>,
  start: Answers = {},
): Promise<Answers> {
  const asked: { readonly index: number; readonly before: Answers }[] = [];
  let answers = start;
  for (let index = 0; index < steps.length; ) {
    const step = steps[index];
    const question = step?.question(answers, situation);
    if (step === undefined || question === undefined) {
      index++;
      continue;
    }
    const answer = await ask(question);
    if (answer === BACK || (answer === false && step.noGoesBack === true)) {
      const last = asked.pop();
      if (last !== undefined) ({ index, before: answers } = last);
      else if (answer === false) throw new K3osError("interrupted", "not installed; nothing was changed");
      continue;
    }
    asked.push({ index, before: answers });
    answers = { ...answers, [step.id]: answer };
    const goOn = step.goOn?.(answers);
    if (goOn === undefined) index++;
    else {
      answers = goOn.answers;
      index = steps.findIndex(({ id }) => id === goOn.next);
    }
  }
  return answers;
}
