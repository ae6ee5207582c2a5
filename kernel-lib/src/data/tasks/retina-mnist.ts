import { classQuestion } from "./definition";
import { medMnistTask } from "./medmnist";

const GRADES = ["no retinopathy", "mild", "moderate", "severe", "proliferative"];

/** RetinaMNIST: five grades of diabetic retinopathy in fundus photographs (MedMNIST v2). */
export const RETINA_MNIST = medMnistTask({
  name: "retina-mnist",
  file: "retinamnist.npz",
  md5: {
    28: "bd4c0672f1bba3e3a89f0e4e876791e4",
    64: "afda852cc34dcda56f86ad2b2457dbcc",
    128: "e48e916a24454daf90583d4e6efb1a18",
    224: "eae7e3b6f3fcbda4ae613ebdcbe35348",
  },
  modality: "fundus photograph",
  labels: GRADES.map((name, index) => ({ index, name, answer: String(index) })),
  question: classQuestion("which grade of retinopathy does this fundus photograph show ?", GRADES),
  channels: 3,
  counts: { train: 1080, validation: 120, test: 400 },
  card: {
    title: "RetinaMNIST",
    description: "1,600 fundus photographs, five grades of diabetic retinopathy in their order of severity.",
    licence: "CC BY 4.0",
    citation:
      "Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023); pictures from Liu et al., DeepDRiD, Patterns 3, 100512 (2022).",
    obtain: "retinamnist.npz of MedMNIST v2 (Zenodo record 10519652); put it in data/raw/medmnist/.",
  },
});
