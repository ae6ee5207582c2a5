import { answerWordings, isCorrect } from "../analysis/inconsistency";
import { isOracleCorrect } from "../analysis/oracle";
import type { Prediction, Task } from "../base/types";
import { exampleOf, examplesById } from "../data/splits";
import { FRAMES } from "./schemas";
import { makeFrame, type Table } from "./table";

/**
 * One row per prediction of any form, so that tasks of every form stand in one table: columns task, system, exampleId, form, kind,
 * group, truth, answer, correct, numReadings, distinctAnswers, oracleCorrect.
 *
 * @throws DataError for an example of another task.
 */
export function answersFrame(task: Task, predictions: readonly Prediction[]): Table {
  const examples = examplesById(task);
  const rows = predictions.map((prediction) => {
    const { system, exampleId, group } = prediction;
    const { form = "label", kind } = exampleOf("answersFrame", examples, exampleId);
    const { truth, answer, readings } = answerWordings(prediction);
    return {
      task: task.name,
      system,
      exampleId,
      form,
      kind: kind ?? null,
      group,
      truth,
      answer,
      correct: Number(isCorrect(prediction)),
      numReadings: readings.length,
      distinctAnswers: new Set(readings).size,
      oracleCorrect: Number(isOracleCorrect(prediction)),
    };
  });
  return makeFrame(FRAMES.answers, rows);
}
